// The results of the methods "kernel-cases" and "bench-report" of the test guest, as core/api
// defines them, and their tables.

import { h } from "../ui/dom.js";
import { bytes, percent } from "../ui/format.js";

export interface KernelCases {
  passed: number;
  /** Name and error of each. */
  failed: string[];
}

interface Step {
  tokens: number;
  seconds: number;
  gflops: number;
}

interface Decode {
  prompt: number;
  prompt_seconds: number;
  token_seconds: number;
  bandwidth_share: number;
}

interface Product {
  product: string;
  format: string;
  variant: string;
  half: boolean;
  rows: number;
  in: number;
  out: number;
  gflops: number;
}

interface Model {
  name: string;
  base: string;
  weight_bytes: number;
  peak_bytes: number;
  steps: Step[];
  decode: Decode[];
  error?: string;
}

export interface Report {
  version: string;
  device: { name: string };
  chosen: string;
  chosen_half: boolean;
  bandwidth: number;
  products: Product[];
  models: Model[];
  left: string[];
  seconds: number;
}

/** Says in a sentence whether all kernels are correct on the device. */
export function finding({ passed, failed }: KernelCases): string {
  if (failed.length === 0) return `All ${passed} kernel cases agree with their references on the CPU.`;
  const all = passed + failed.length;
  return `${failed.length} of ${all} kernel cases differ from their references on the CPU: ${failed.join("; ")}`;
}

/** The tables of a report. */
export function tables(r: Report): HTMLElement[] {
  const parts = [
    h("h2", {}, "Models"),
    h("p", { class: "note" }, `Tokens per second. Memory bandwidth: ${(r.bandwidth / 1e9).toFixed(1)} GB/s.`),
    modelTable(r.models),
    h("h2", {}, "Products of matrices"),
    h("p", { class: "note" }, "GFLOP/s. The fastest variant is bold, and the one in use is underlined."),
    ...[...group(r.products, sizeOf)].map(([size, products]) => productTable(size, products, r)),
  ];
  if (r.left.length > 0) parts.push(h("p", { class: "note" }, `There was no time for: ${r.left.join(", ")}.`));
  return parts;
}

const rate = (n: number, seconds: number): string => (n / seconds).toFixed(1);

function modelTable(models: readonly Model[]): HTMLElement {
  const columns = [
    "Model",
    "weights",
    "ContextSFT step",
    "NextQuill step",
    "prompt",
    "writing",
    "steered",
    "bandwidth",
  ];
  const rows = models.map(({ name, base, weight_bytes, steps, decode, error }) => {
    const [plain, steered] = decode;
    const label = `${name}, ${base}`;
    if (error !== undefined || plain === undefined || steered === undefined) return [label, error ?? ""];
    return [
      label,
      bytes(weight_bytes),
      ...steps.map((s) => rate(s.tokens, s.seconds)),
      rate(plain.prompt, plain.prompt_seconds),
      rate(1, plain.token_seconds),
      rate(1, steered.token_seconds),
      percent(plain.bandwidth_share),
    ];
  });
  return table("Models", columns, rows);
}

/** Groups products by a name, in the order in which they were measured. */
function group(products: readonly Product[], by: (p: Product) => string): Map<string, Product[]> {
  const groups = new Map<string, Product[]>();
  for (const p of products) groups.set(by(p), [...(groups.get(by(p)) ?? []), p]);
  return groups;
}

const sizeOf = (p: Product): string => `${p.rows} × ${p.in} × ${p.out}`;

function productTable(size: string, products: readonly Product[], r: Report): HTMLElement {
  const variants = [...new Set(products.map((p) => p.variant))];
  const lines = group(products, (p) => `${p.product}, ${p.format}${p.half ? " by shader-f16" : ""}`);
  const body = [...lines].map(([name, line]) => {
    const best = Math.max(...line.map((p) => p.gflops));
    return [
      name,
      ...variants.map((v) =>
        cell(
          line.find((p) => p.variant === v),
          best,
          r,
        ),
      ),
    ];
  });
  return table(size, [size, ...variants], body);
}

function cell(p: Product | undefined, best: number, r: Report): Node | string {
  if (p === undefined) return "–";
  let shown: Node | string = p.gflops.toFixed(1);
  if (p.gflops === best) shown = h("strong", {}, shown);
  const chosen = p.variant === r.chosen && (p.format !== "f16" || p.half === r.chosen_half);
  return chosen ? h("em", {}, shown) : shown;
}

function table(label: string, columns: readonly string[], rows: readonly (Node | string)[][]): HTMLElement {
  const head = h("tr", {}, ...columns.map((name) => h("th", { scope: "col" }, name)));
  const body = rows.map(([name, ...cells]) =>
    h("tr", {}, h("th", { scope: "row" }, name ?? ""), ...cells.map((c) => h("td", {}, c))),
  );
  const region = { class: "scroll", tabindex: "0", role: "region", "aria-label": label };
  return h("div", region, h("table", {}, h("thead", {}, head), h("tbody", {}, ...body)));
}
