// Double clicks on buttons.

/**
 * Makes a double click on a button below `root` count as one click. A button's first click often
 * puts another button in its place, such as Pause in that of Personalize, which the second click
 * would press.
 */
export function ignoreDoubleClicks(root: EventTarget): void {
  root.addEventListener(
    "click",
    (event) => {
      if ((event as MouseEvent).detail < 2 || !(event.target instanceof Element)) return;
      if (event.target.closest("button") === null) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    { capture: true },
  );
}
