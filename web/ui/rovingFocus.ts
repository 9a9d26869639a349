// A list of many small options that is a single stop of the Tab key, like a listbox.

/**
 * Makes `options` the options of the listbox `list`. Pointing at an option, tapping it, or moving
 * to it with the arrow keys, Home or End calls `choose` with its index. The list needs an
 * accessible name; an option needs one if its text is empty.
 */
export function rovingFocus(list: HTMLElement, options: readonly HTMLElement[], choose: (index: number) => void): void {
  let chosen = -1;
  const select = (i: number): void => {
    if (i === chosen) return;
    chosen = i;
    choose(i);
  };
  list.role = "listbox";
  options.forEach((option, i) => {
    option.role = "option";
    option.tabIndex = i === 0 ? 0 : -1;
    option.addEventListener("pointerenter", () => select(i));
    option.addEventListener("focus", () => select(i));
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
