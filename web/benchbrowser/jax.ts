// The training step in jax-js: forward, backward and Adam in one jitted function, with the
// library's gather and attention. One-hot products, hand-written attention, einsum and transposed
// weights change the time by less than 10 %.

import {
  blockUntilReady,
  defaultDevice,
  init,
  jit,
  nn,
  numpy as np,
  type Array as Tensor,
  tree,
  valueAndGrad,
} from "@jax-js/jax";
import { bestProduct, type Rival, rotary, timed, type Workload, workload } from "./rival.js";

type Layer = {
  norm1: Tensor;
  q: Tensor;
  k: Tensor;
  v: Tensor;
  o: Tensor;
  norm2: Tensor;
  gate: Tensor;
  up: Tensor;
  down: Tensor;
};
type Params = { embed: Tensor; layers: Layer[]; norm: Tensor; head: Tensor };

export async function open(): Promise<Rival> {
  if (!(await init("webgpu")).includes("webgpu")) throw new Error("jax-js has no WebGPU device here");
  defaultDevice("webgpu");
  const w = await workload();
  const step = compile(w);
  let params = load(w);
  let mean = tree.map((x: Tensor) => np.zeros(x.shape), tree.ref(params)) as Params;
  let variance = tree.map((x: Tensor) => np.zeros(x.shape), tree.ref(params)) as Params;
  const inputs = np.array(new Int32Array(w.inputs.flat()), { shape: [w.inputs.length, w.inputs[0]!.length] });
  const targets = np.array(new Int32Array(w.targets.flat()), { shape: [w.targets.length, w.targets[0]!.length] });
  let t = 0;
  return {
    name: "@jax-js/jax",
    steps: (n) =>
      timed(n, async () => {
        t++;
        const rate = np.array(w.lr / (1 - w.beta1 ** t));
        const correction = np.array(1 / (1 - w.beta2 ** t));
        const [loss, ...next] = step(params, mean, variance, inputs.ref, targets.ref, rate, correction) as [
          Tensor,
          Params,
          Params,
          Params,
        ];
        [params, mean, variance] = next;
        const [value] = await loss.data();
        // The loss is available before the update.
        await blockUntilReady(params);
        return value!;
      }),
    async matmul(size) {
      const a = np.array(new Float32Array(size * size).fill(0.5), { shape: [size, size] });
      const product = jit((x: Tensor, y: Tensor) => np.matmul(x, y));
      return bestProduct(size, async () => {
        const c = product(a.ref, a.ref);
        await blockUntilReady(c);
        c.dispose();
      });
    },
  };
}

function load(w: Workload): Params {
  const tensor = (name: string): Tensor => {
    const t = w.weights[name];
    if (t === undefined) throw new Error(`no tensor ${name}`);
    return np.array(t.data as Float32Array<ArrayBuffer>, { shape: t.shape });
  };
  const layers = [];
  for (let i = 0; i < w.layers; i++) {
    const of = (part: string): Tensor => tensor(`model.layers.${i}.${part}.weight`);
    layers.push({
      norm1: of("input_layernorm"),
      norm2: of("post_attention_layernorm"),
      q: of("self_attn.q_proj"),
      k: of("self_attn.k_proj"),
      v: of("self_attn.v_proj"),
      o: of("self_attn.o_proj"),
      gate: of("mlp.gate_proj"),
      up: of("mlp.up_proj"),
      down: of("mlp.down_proj"),
    });
  }
  return {
    embed: tensor("model.embed_tokens.weight"),
    layers,
    norm: tensor("model.norm.weight"),
    head: tensor("lm_head.weight"),
  };
}

// Functions take ownership of their arguments: x.ref keeps a value for another use.
function compile(w: Workload) {
  const [sequences, length] = [w.inputs.length, w.inputs[0]!.length];
  const rows = sequences * length;
  const angles = rotary(w);

  const linear = (x: Tensor, weight: Tensor): Tensor => np.matmul(x, weight.transpose());
  const norm = (x: Tensor, gain: Tensor): Tensor => {
    const scale = np.square(x.ref).mean(-1, { keepdims: true }).add(w.eps);
    return x.div(np.sqrt(scale)).mul(gain);
  };
  const heads = (x: Tensor): Tensor => x.reshape([sequences, length, w.heads, w.headDim]);
  const rotate = (x: Tensor): Tensor => {
    const cos = np.array(angles.cos, { shape: [length, 1, w.headDim] });
    const sin = np.array(angles.sin, { shape: [length, 1, w.headDim] });
    const [a, b] = np.split(x.ref, 2, -1) as [Tensor, Tensor];
    return x.mul(cos).add(np.concatenate([b.neg(), a], -1).mul(sin));
  };
  const layer = (x: Tensor, p: Layer): Tensor => {
    const h = norm(x.ref, p.norm1);
    const q = rotate(heads(linear(h.ref, p.q)));
    const k = rotate(heads(linear(h.ref, p.k)));
    const v = heads(linear(h, p.v));
    const attention = nn.dotProductAttention(q, k, v, { isCausal: true }).reshape([rows, w.hidden]);
    x = x.add(linear(attention, p.o));
    const h2 = norm(x.ref, p.norm2);
    return x.add(linear(nn.silu(linear(h2.ref, p.gate)).mul(linear(h2, p.up)), p.down));
  };
  const lossOf = (p: Params, inputs: Tensor, targets: Tensor): Tensor => {
    let x = np.take(p.embed, inputs.reshape([rows]), 0);
    for (const l of p.layers) x = layer(x, l);
    const logits = linear(norm(x, p.norm), p.head);
    const label = nn.oneHot(targets.reshape([rows]), w.vocab);
    return nn
      .logSoftmax(logits, -1)
      .mul(label)
      .sum()
      .mul(-1 / rows);
  };
  return jit(
    (
      params: Params,
      mean: Params,
      variance: Params,
      inputs: Tensor,
      targets: Tensor,
      rate: Tensor,
      correction: Tensor,
    ) => {
      const [loss, grads] = valueAndGrad(lossOf)(tree.ref(params), inputs, targets) as [Tensor, Params];
      const nextMean = tree.map(
        (m: Tensor, g: Tensor) => m.mul(w.beta1).add(g.mul(1 - w.beta1)),
        mean,
        tree.ref(grads),
      ) as Params;
      const nextVariance = tree.map(
        (v: Tensor, g: Tensor) => v.mul(w.beta2).add(np.square(g).mul(1 - w.beta2)),
        variance,
        grads,
      ) as Params;
      const nextParams = tree.map(
        (p: Tensor, m: Tensor, v: Tensor) => p.sub(m.mul(rate.ref).div(np.sqrt(v.mul(correction.ref)).add(w.adamEps))),
        params,
        tree.ref(nextMean),
        tree.ref(nextVariance),
      ) as Params;
      rate.dispose();
      correction.dispose();
      return [loss, nextParams, nextMean, nextVariance];
    },
  );
}
