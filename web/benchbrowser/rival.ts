// The interface of the compared libraries: the same model, weights, batch and optimizer as ours,
// one step at a time.

/**
 * The workload of cmd/benchbrowser: a Llama's sizes, its weights by Hugging Face names, token IDs.
 */
export interface Workload {
  vocab: number;
  hidden: number;
  intermediate: number;
  layers: number;
  heads: number;
  headDim: number;
  eps: number;
  theta: number;
  lr: number;
  beta1: number;
  beta2: number;
  adamEps: number;
  /** The inputs of a batch and the targets: [sequences][length]. */
  inputs: number[][];
  targets: number[][];
  weights: Record<string, { shape: number[]; data: Float32Array }>;
}

export interface Rival {
  name: string;
  /**
   * Runs optimizer steps. Returns the loss before each, and the seconds until the device has done
   * all work.
   */
  steps(n: number): Promise<Timed<number>>;
  /** GFLOP/s of a square matrix product of this size, the best of several runs. */
  matmul(size: number): Promise<number>;
}

interface File {
  model: Omit<Workload, "weights">;
  tensors: { name: string; shape: number[]; offset: number }[];
}

/** Fetches the workload. */
export async function workload(): Promise<Workload> {
  const get = async (name: string): Promise<Response> => {
    const response = await fetch(`files/${name}`);
    if (!response.ok) throw new Error(`${name}: ${response.status}`);
    return response;
  };
  const file = (await (await get("workload.json")).json()) as File;
  const values = await (await get("weights.bin")).arrayBuffer();
  const weights: Workload["weights"] = {};
  for (const { name, shape, offset } of file.tensors) {
    weights[name] = {
      shape,
      data: new Float32Array(
        values,
        offset,
        shape.reduce((a, b) => a * b, 1),
      ),
    };
  }
  return { ...file.model, weights };
}

/** cos and sin [length, headDim] of rotary positions, in the layout of rotate_half. */
export function rotary(w: Workload): { cos: Float32Array<ArrayBuffer>; sin: Float32Array<ArrayBuffer> } {
  const length = w.inputs[0]!.length;
  const half = w.headDim / 2;
  const cos = new Float32Array(length * w.headDim);
  const sin = new Float32Array(length * w.headDim);
  for (let p = 0; p < length; p++) {
    for (let i = 0; i < w.headDim; i++) {
      const angle = p / w.theta ** ((i % half) / half);
      cos[p * w.headDim + i] = Math.cos(angle);
      sin[p * w.headDim + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}

export interface Timed<T> {
  seconds: number[];
  results: T[];
}

/** Times several runs of f. */
export async function timed<T>(runs: number, f: () => Promise<T>): Promise<Timed<T>> {
  const seconds: number[] = [];
  const results: T[] = [];
  for (let i = 0; i < runs; i++) {
    const begun = performance.now();
    results.push(await f());
    seconds.push((performance.now() - begun) / 1e3);
  }
  return { seconds, results };
}

/** GFLOP/s of the fastest of several products. */
export async function bestProduct(size: number, f: () => Promise<unknown>): Promise<number> {
  await f(); // compiles
  const { seconds } = await timed(4, f);
  return (2 * size ** 3) / Math.min(...seconds) / 1e9;
}
