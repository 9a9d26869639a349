// The page. index.html has the structure; each module below controls one section.

import { ignoreDoubleClicks } from "../ui/clicks.js";
import { App } from "./app.js";
import { choices } from "./choice.js";
import { dataPanel } from "./data.js";
import { byId } from "./dom.js";
import { showExample } from "./example.js";
import { explainPanel } from "./explain.js";
import { historyPanel } from "./history.js";
import { languageSwitch, setLanguage } from "./language.js";
import { offline } from "./offline.js";
import { Requests } from "./requests.js";
import { clearResults } from "./results.js";
import { start } from "./start.js";
import { stepsLine } from "./steps.js";
import { trainPanel } from "./train.js";
import { writePanel } from "./write.js";

await setLanguage();
for (const form of document.forms) ignoreDoubleClicks(form);
showExample();
const app = new App();
const requests = new Requests(byId("requests", HTMLElement));
historyPanel(app);
trainPanel(app);
writePanel(app, explainPanel(app));
dataPanel(app);
clearResults(app);
choices(app);
stepsLine(app);
languageSwitch(app);
await app.watch(() => app.start());
// Tells tests that the page has started.
void Promise.all([start(app, requests), "serviceWorker" in navigator ? offline() : undefined]).then(
  () => (document.documentElement.dataset.settled = "true"),
);
