// A workaround for Firefox, which notices slowly that the GPU is done.

// Firefox polls the GPU every 100 ms and on every submit:
// https://bugzilla.mozilla.org/show_bug.cgi?id=1870699.
const pollsSlowly = /\bGecko\/\d/.test(navigator.userAgent);

/**
 * Awaits `work`, a promise that settles when the GPU has done what was submitted to `queue`. In
 * Firefox it submits an empty list every millisecond meanwhile, so that Firefox polls.
 */
export async function awaitGPU<T>(queue: GPUQueue, work: Promise<T>): Promise<T> {
  const timer = pollsSlowly ? setInterval(() => queue.submit([]), 1) : undefined;
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
