// The style of the element. Pages change it by the custom properties on :host and by ::part(…); no
// other style of the page applies.

const css = `
:host {
  --nq-accent: light-dark(#7a3b12, #e5a36f);
  --nq-ink: light-dark(#1d1b18, #ece7df);
  --nq-muted: light-dark(#65605a, #a79f94);
  --nq-paper: light-dark(#fffdf9, #1b1a18);
  --nq-line: light-dark(#d9d3c9, #3d3a36);
  --nq-edge: color-mix(in oklab, var(--nq-ink), var(--nq-paper));
  --nq-error: light-dark(#9c1c1c, #ff9d8f);
  --nq-font: system-ui, sans-serif;
  --nq-font-draft: Georgia, "Iowan Old Style", serif;
  --nq-radius: 0.5rem;
  --nq-gap: 0.75rem;
  display: block;
  max-inline-size: 44rem;
  color: var(--nq-ink);
  font-family: var(--nq-font);
  line-height: 1.5;
}
:host([hidden]) { display: none; }
* { box-sizing: border-box; }
.box {
  display: grid;
  gap: var(--nq-gap);
  padding: calc(var(--nq-gap) * 1.5);
  background: var(--nq-paper);
  border: 1px solid var(--nq-line);
  border-radius: var(--nq-radius);
}
.row { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: end; }
.field { display: grid; gap: 0.25rem; flex: 1 1 14rem; min-inline-size: 0; }
label, summary, output { font-size: 0.875rem; color: var(--nq-muted); }
summary { cursor: pointer; padding-block: 0.25rem; }
details > * + * { margin-block-start: 0.5rem; }
input, textarea, button { font: inherit; color: inherit; }
input[type="text"], textarea {
  inline-size: 100%;
  padding: 0.5rem 0.625rem;
  background: transparent;
  border: 1px solid var(--nq-edge);
  border-radius: calc(var(--nq-radius) * 0.75);
}
textarea { resize: vertical; min-block-size: 4.5rem; field-sizing: content; }
.draft { font-family: var(--nq-font-draft); font-size: 1.125rem; line-height: 1.6; min-block-size: 6rem; }
button {
  min-block-size: 2.5rem;
  padding: 0.375rem 0.875rem;
  background: transparent;
  border: 1px solid var(--nq-edge);
  border-radius: calc(var(--nq-radius) * 0.75);
  cursor: pointer;
}
input[type="file"] { inline-size: 100%; font-size: 0.875rem; }
input[type="file"]::file-selector-button {
  margin-inline-end: 0.75rem;
  padding: 0.25rem 0.75rem;
  font: inherit;
  color: inherit;
  background: transparent;
  border: 1px solid var(--nq-edge);
  border-radius: calc(var(--nq-radius) * 0.75);
  cursor: pointer;
}
button:hover:not(:disabled) { border-color: var(--nq-accent); }
button:disabled, input:disabled, textarea:disabled { opacity: 0.55; cursor: default; }
button.main { background: var(--nq-accent); border-color: var(--nq-accent); color: var(--nq-paper); }
:is(button, input, select, textarea, summary, h3, .t):focus-visible {
  outline: 2px solid var(--nq-accent);
  outline-offset: 2px;
}
input[type="range"] { inline-size: 100%; accent-color: var(--nq-accent); }
progress { inline-size: 100%; block-size: 0.5rem; accent-color: var(--nq-accent); }
.status { min-block-size: 1.5em; margin: 0; font-size: 0.875rem; color: var(--nq-muted); }
.status.wrong { color: var(--nq-error); }
ul { list-style: none; margin-block-end: 0; padding: 0; max-block-size: 14rem; overflow: auto; }
li {
  display: flex;
  gap: 0.5rem;
  align-items: start;
  padding-block: 0.375rem;
  border-block-start: 1px solid var(--nq-line);
  font-size: 0.875rem;
}
li span { flex: 1; min-inline-size: 0; overflow-wrap: anywhere; white-space: pre-line; }
li button { min-block-size: 1.75rem; padding: 0 0.5rem; }
.import {
  display: grid;
  gap: 0.625rem;
  padding: var(--nq-gap);
  border: 1px solid var(--nq-line);
  border-inline-start: 3px solid var(--nq-accent);
  border-radius: calc(var(--nq-radius) * 0.75);
}
.import > div:empty { display: none; }
.import :is(h3, p, ul, fieldset) { margin: 0; padding: 0; }
.import h3 { font-size: 1rem; }
.import h3:focus { outline: none; }
.import ul { max-block-size: none; }
.import li { display: block; overflow-wrap: anywhere; }
.import .quiet { font-size: 0.8125rem; color: var(--nq-muted); }
.import .found, .import .wrong, .import bdi, .who legend { font-weight: 600; }
.import .wrong { color: var(--nq-error); font-size: 0.875rem; }
.import .text { white-space: pre-line; font-family: var(--nq-font-draft); }
.who { min-inline-size: 0; border: 0; }
.who > .quiet { margin-block-end: 0.375rem; }
.import span.quiet { unicode-bidi: plaintext; }
.who legend { padding: 0; }
.sender {
  display: grid;
  grid-template-columns: auto minmax(0, 1fr);
  gap: 0 0.625rem;
  padding-block: 0.5rem;
  border-block-start: 1px solid var(--nq-line);
  color: inherit;
  cursor: pointer;
}
.sender input { inline-size: 1.125rem; block-size: 1.125rem; margin: 0.125rem 0 0; accent-color: var(--nq-accent); }
.sender .quiet bdi { font-weight: 400; }
.sender .said {
  display: block;
  overflow: hidden;
  color: var(--nq-muted);
  text-overflow: ellipsis;
  white-space: nowrap;
}
.reasons .quiet { display: block; }
select {
  padding: 0.5rem 0.625rem;
  font: inherit;
  color: inherit;
  background: var(--nq-paper);
  border: 1px solid var(--nq-edge);
  border-radius: calc(var(--nq-radius) * 0.75);
}
.link { min-block-size: 0; border: 0; padding: 0.25rem 0; text-decoration: underline; }
/* Available, but not prominent. */
button.quiet {
  margin-inline-start: auto;
  border-color: transparent;
  color: var(--nq-muted);
  text-decoration: underline;
  text-underline-offset: 0.2em;
}
.tokens {
  margin: 0;
  font-family: var(--nq-font-draft);
  font-size: 1.125rem;
  line-height: 1.9;
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}
.t { border-radius: 0.2em; padding-block: 0.15em; }
.w1 { background: color-mix(in oklab, var(--nq-accent) 8%, transparent); }
.w2 { background: color-mix(in oklab, var(--nq-accent) 16%, transparent); }
.w3 { background: color-mix(in oklab, var(--nq-accent) 28%, transparent); }
.w4 { background: color-mix(in oklab, var(--nq-accent) 45%, transparent); }
[hidden] { display: none !important; }
@media (pointer: coarse) {
  button, li button, summary, input, select, input::file-selector-button { min-block-size: 2.75rem; }
  .sender { min-block-size: 2.75rem; }
  .sender input { inline-size: 1.5rem; min-block-size: 1.5rem; }
  summary { line-height: 2.25rem; }
  input[type="range"] { block-size: 2.75rem; }
}
@media (prefers-reduced-motion: no-preference) { button { transition: border-color 120ms; } }
@media (forced-colors: active) { :is(.w2, .w3, .w4) { text-decoration: underline; } }
`;

let sheet: CSSStyleSheet | undefined;

/** The constructed style sheet of all elements. A policy without 'unsafe-inline' allows it. */
export function styles(): CSSStyleSheet {
  if (sheet === undefined) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
  }
  return sheet;
}
