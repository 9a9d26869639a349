// Waiting for the GPU in browsers that do not look whether it is done.

// Firefox looks every 100 ms, and whenever something is submitted: https://bugzilla.mozilla.org/show_bug.cgi?id=1870699.
const looksAtSubmits = /\bGecko\/\d/.test(navigator.userAgent);

/** Waits for `work`, a promise that what was submitted to `queue` settles. */
export async function finished<T>(queue: GPUQueue, work: Promise<T>): Promise<T> {
  const look = looksAtSubmits ? setInterval(() => queue.submit([]), 1) : undefined;
  try {
    return await work;
  } finally {
    clearInterval(look);
  }
}
