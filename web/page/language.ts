// The language of the page: the one that the user chose, else the first of the browser's languages
// that the page has, else English. The texts of the other languages are fetched when they are used.

import { setFormat } from "../ui/format.js";
import type { App } from "./app.js";
import { byId } from "./dom.js";
import { languageKey } from "./keys.js";
import { settings } from "./settings.js";
import { setText } from "./strings.js";

const languages = { en: { name: "English", dir: "ltr" }, de: { name: "Deutsch", dir: "ltr" } } as const;
type Language = keyof typeof languages;

const isLanguage = (tag: string): tag is Language => Object.hasOwn(languages, tag);

function chosen(): Language {
  const wanted = [
    settings.get(languageKey) ?? "",
    ...navigator.languages.map((tag) => tag.split("-")[0]!.toLowerCase()),
  ];
  return wanted.find(isLanguage) ?? "en";
}

/** Shows the page in its language. Called before anything else changes the page. */
export async function setLanguage(): Promise<void> {
  let language = chosen();
  try {
    if (language === "de") {
      const { format, german, html } = await import("./german.js");
      setFormat(format);
      setText(german);
      translate(html);
    }
  } catch (error) {
    console.info("NextQuill: the texts of the language cannot be fetched:", error);
    language = "en";
  }
  document.documentElement.lang = language;
  document.documentElement.dir = languages[language].dir;
}

/** Shows the switch between the languages. It loads the page again, so it waits for jobs. */
export function languageSwitch(app: App): void {
  const other: Language = document.documentElement.lang === "de" ? "en" : "de";
  const button = byId("language", HTMLButtonElement);
  button.lang = other;
  button.textContent = languages[other].name;
  button.hidden = false;
  app.addEventListener("busy", () => (button.disabled = !app.idle));
  button.addEventListener("click", () => {
    settings.set(languageKey, other);
    location.reload();
  });
}

// Elements name their text by data-t, their label by data-t-label, and their placeholder by
// data-t-placeholder.
function translate(html: Readonly<Record<string, string>>): void {
  const of = (key: string | undefined): string => {
    const found = html[key ?? ""];
    if (found === undefined) throw new TypeError(`there is no text ${key} in this language`);
    return found;
  };
  for (const element of document.querySelectorAll<HTMLElement>("[data-t]")) element.textContent = of(element.dataset.t);
  for (const element of document.querySelectorAll<HTMLElement>("[data-t-label]")) {
    element.ariaLabel = of(element.dataset.tLabel);
  }
  for (const element of document.querySelectorAll<HTMLTextAreaElement>("[data-t-placeholder]")) {
    element.placeholder = of(element.dataset.tPlaceholder);
  }
}
