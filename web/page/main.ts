// The page: index.html has the structure, each module below one section of it.

import { App } from "./app.js";
import { dataPanel } from "./data.js";
import { byId } from "./dom.js";
import { explainPanel } from "./explain.js";
import { historyPanel } from "./history.js";
import { learnPanel } from "./learn.js";
import { offline } from "./offline.js";
import { Requests } from "./requests.js";
import { start } from "./start.js";
import { writePanel } from "./write.js";

const app = new App();
const requests = new Requests(byId("requests", HTMLElement));
historyPanel(app);
learnPanel(app);
writePanel(app, explainPanel(app));
dataPanel(app);
await app.watch(() => app.start());
// For tests and the curious: the page is quiet from here on.
void Promise.all([start(app, requests), "serviceWorker" in navigator ? offline() : undefined])
  .then(() => (document.documentElement.dataset["settled"] = "true"));
