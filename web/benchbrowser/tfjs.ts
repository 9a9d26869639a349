// The training step in TensorFlow.js on its WebGPU backend, with its optimizer.

import "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { bestProduct, type Rival, rotary, timed, type Workload, workload } from "./rival.js";

export async function open(): Promise<Rival> {
  if (!(await tf.setBackend("webgpu"))) throw new Error("tfjs has no WebGPU device here");
  await tf.ready();
  const w = await workload();
  const optimizer = tf.train.adam(w.lr, w.beta1, w.beta2, w.adamEps);
  const loss = compile(w);
  return {
    name: "@tensorflow/tfjs",
    steps: (n) =>
      timed(n, async () => {
        const cost = optimizer.minimize(loss, true)!;
        // The queue works in order: reading this value waits for the update.
        const [value] = await cost.data();
        cost.dispose();
        await (tf.backend() as unknown as { queue: GPUQueue }).queue.onSubmittedWorkDone();
        return value!;
      }),
    async matmul(size) {
      const a = tf.fill([size, size], 0.5);
      return bestProduct(size, async () => {
        const c = tf.matMul(a, a);
        await c.data();
        c.dispose();
      });
    },
  };
}

function compile(w: Workload): () => tf.Scalar {
  const [sequences, length] = [w.inputs.length, w.inputs[0]!.length];
  const rows = sequences * length;
  const variables = new Map(
    Object.entries(w.weights).map(([name, t]) => [name, tf.variable(tf.tensor(t.data, t.shape), true, name)]),
  );
  const variable = (name: string): tf.Tensor => variables.get(`${name}.weight`)!;
  const ids = tf.tensor1d(w.inputs.flat(), "int32");
  const labels = tf.cast(tf.oneHot(tf.tensor1d(w.targets.flat(), "int32"), w.vocab), "float32");
  const angles = rotary(w);
  const cos = tf.tensor(angles.cos, [length, 1, w.headDim]);
  const sin = tf.tensor(angles.sin, [length, 1, w.headDim]);
  const mask = tf.tensor(
    Array.from({ length: length ** 2 }, (_, i) => (i % length <= Math.floor(i / length) ? 0 : -1e9)),
    [length, length],
  );

  const linear = (x: tf.Tensor, name: string): tf.Tensor => tf.matMul(x, variable(name), false, true);
  const norm = (x: tf.Tensor, name: string): tf.Tensor =>
    tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), w.eps))), variable(name));
  const heads = (x: tf.Tensor): tf.Tensor => tf.reshape(x, [sequences, length, w.heads, w.headDim]);
  const swap = (x: tf.Tensor): tf.Tensor => tf.transpose(x, [0, 2, 1, 3]);
  const rotate = (x: tf.Tensor): tf.Tensor => {
    const [a, b] = tf.split(x, 2, -1) as [tf.Tensor, tf.Tensor];
    return tf.add(tf.mul(x, cos), tf.mul(tf.concat([tf.neg(b), a], -1), sin));
  };
  const layer = (x: tf.Tensor, path: string): tf.Tensor => {
    const h = norm(x, `${path}.input_layernorm`);
    const q = swap(rotate(heads(linear(h, `${path}.self_attn.q_proj`))));
    const k = swap(rotate(heads(linear(h, `${path}.self_attn.k_proj`))));
    const v = swap(heads(linear(h, `${path}.self_attn.v_proj`)));
    const scores = tf.add(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(w.headDim)), mask);
    const attention = tf.reshape(swap(tf.matMul(tf.softmax(scores), v)), [rows, w.hidden]);
    x = tf.add(x, linear(attention, `${path}.self_attn.o_proj`));
    const h2 = norm(x, `${path}.post_attention_layernorm`);
    const gate = linear(h2, `${path}.mlp.gate_proj`);
    const act = tf.mul(tf.mul(gate, tf.sigmoid(gate)), linear(h2, `${path}.mlp.up_proj`));
    return tf.add(x, linear(act, `${path}.mlp.down_proj`));
  };
  return () => {
    let x: tf.Tensor = tf.gather(variable("model.embed_tokens"), ids);
    for (let i = 0; i < w.layers; i++) x = layer(x, `model.layers.${i}`);
    const logits = linear(norm(x, "model.norm"), "lm_head");
    return tf.mul(tf.sum(tf.mul(tf.logSoftmax(logits), labels)), -1 / rows) as tf.Scalar;
  };
}
