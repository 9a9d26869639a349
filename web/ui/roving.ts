// A line of many small things that takes one stop of the Tab key, as a listbox does.

/**
 * Makes `options`, which `list` holds, its options: pointing at one, tapping it, or moving to it with the arrow keys, Home and
 * End calls `choose` with its index. The list needs a name of its own; each option needs one where its text is none.
 */
export function roving(list: HTMLElement, options: readonly HTMLElement[], choose: (index: number) => void): void {
  let chosen = -1;
  const take = (i: number): void => {
    if (i === chosen) return;
    chosen = i;
    choose(i);
  };
  list.role = "listbox";
  options.forEach((option, i) => {
    option.role = "option";
    option.tabIndex = i === 0 ? 0 : -1;
    option.addEventListener("pointerenter", () => take(i));
    option.addEventListener("focus", () => take(i));
  });
  list.addEventListener("keydown", (event) => {
    const to = { ArrowRight: chosen + 1, ArrowLeft: chosen - 1, Home: 0, End: options.length - 1 }[event.key];
    const next = to === undefined ? undefined : options[to];
    if (next === undefined) return;
    event.preventDefault();
    for (const option of options) option.tabIndex = option === next ? 0 : -1;
    next.focus();
  });
}
