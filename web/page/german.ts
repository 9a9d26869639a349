// The texts of the page in German. german.html.json has those of index.html.

import type { FaultKind } from "../fault.js";
import { bytes, count, date, decimals, duration, type Format, percent, plural } from "../ui/format.js";
import type { ImportStrings } from "../ui/importStrings.js";
import html from "./german.html.json" with { type: "json" };
import type { Strings } from "./strings.js";

export { html };

export const format: Format = { tag: "de", dates: "de-DE", underASecond: "unter einer Sekunde", bytes: "Byte" };

const texts = (n: number): string => plural(n, "Text", "Texte");
const textsDative = (n: number): string => plural(n, "Text", "Texten");

function about(seconds: number): string {
  const minutes = seconds / 60;
  if (minutes < 1) return "unter einer Minute";
  if (minutes < 2) return "etwa eine Minute";
  if (minutes < 90) return `etwa ${minutes < 20 ? Math.round(minutes) : 5 * Math.round(minutes / 5)} Minuten`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `etwa ${hours} Stunden` : "Tage";
}

const errors: Readonly<Record<FaultKind, string>> = {
  malformed: "Die Daten haben nicht das erwartete Format.",
  "too-large": "Das ist zu groß.",
  "out-of-range": "Ein Wert liegt außerhalb des erlaubten Bereichs.",
  mismatch: "Diese Dateien oder Einstellungen passen nicht zusammen.",
  missing: "Es fehlt etwas, oder es ist nicht erreichbar.",
  unsupported: "Das wird nicht unterstützt.",
  "no-adapter": "Es gibt hier keine Grafikkarte, die das Modell benutzen kann.",
  "device-limit": "Die Grafikkarte dieses Geräts ist dafür zu klein.",
  device: "Die Grafikkarte meldet einen Fehler.",
  "device-lost": "Die Grafikkarte ist ausgefallen.",
  storage: "Der Speicher dieses Browsers ist voll oder gesperrt.",
  cancelled: "Abgebrochen.",
  nan: "Beim Lernen sind ungültige Zahlen entstanden.",
  internal: "Das ist ein Fehler in NextQuill.",
  busy: "Ein anderer Tab oder Auftrag arbeitet gerade.",
};

const importing: ImportStrings = {
  reading: (files) => `${plural(files, "Datei wird", "Dateien werden")} gelesen…`,
  fetching: "Das Lesen von Dateien wird vorbereitet…",
  percent: (done) => `${done} %`,
  cancel: "Abbrechen",
  close: "Schließen",
  title: "Vor dem Hinzufügen prüfen",
  nothing: "Es gibt nichts hinzuzufügen",
  failed: (files) =>
    files === 1 ? "Eine Datei kann nicht gelesen werden:" : `${files} Dateien können nicht gelesen werden:`,
  who: "Wer davon bist du?",
  whoNote:
    "Nur Texte der Personen, die du ankreuzt, werden hinzugefügt. " +
    "Das Modell sieht Nachrichten der anderen nur, wo du sie beantwortet hast.",
  messages: (n) => plural(n, "Nachricht", "Nachrichten"),
  probably: "wahrscheinlich du",
  moreSenders: (n) => `${n} weitere zeigen`,
  tick: "Kreuze deinen Namen an.",
  column: (files) =>
    files.length === 1
      ? `In welcher Spalte von ${files[0]} stehen deine Texte?`
      : "In welcher Spalte der Tabellen stehen deine Texte?",
  chooseColumn: "Spalte wählen",
  found: (n, from, to) => {
    if (from === undefined || to === undefined) return n === 0 ? "Noch kein Text." : `${texts(n)}, ohne Datum`;
    const [first, last] = [date(from), date(to)];
    return first === last ? `${texts(n)}, alle vom ${first}` : `${texts(n)}, vom ${first} bis ${last}`;
  },
  samples: "Drei davon",
  leftOut: (n) => `Ausgelassen: ${count(n)}`,
  notes: (n) => `Mit einer Änderung hinzugefügt: ${count(n)}`,
  places: (places, more) => places.join(", ") + (more ? ", …" : ""),
  add: (n) => (n === 0 ? "Hinzufügen" : `${texts(n)} hinzufügen`),
  adding: (n) => `${plural(n, "Text wird", "Texte werden")} hinzugefügt…`,
  updating: "Wird neu gelesen…",
  added: (added, skipped) => `${texts(added)} hinzugefügt${skipped > 0 ? `, ${count(skipped)} schon vorhanden` : ""}.`,
  cancelled: "Nichts wurde hinzugefügt.",
};

export const german: Strings = {
  nextTexts: (n, enough) =>
    n === 0
      ? `Weiter: ${enough} Texte hinzufügen oder den Beispielautor nehmen.`
      : `Weiter: noch ${texts(enough - n)} hinzufügen.`,
  nextLearn: (n) => `Weiter: aus deinen ${textsDative(n)} lernen.`,
  nextLearning: "Das Modell lernt.",
  nextWrite: "Weiter: einen Entwurf schreiben.",
  nextExplain: "Weiter: deine Wörter sehen.",
  nextAgain: "Alle Schritte sind getan. Füge Texte hinzu, um mehr zu lernen.",
  nextNoGPU: "Das Modell kann hier nicht laufen.",

  onGPU: "Alles läuft auf der Grafikkarte dieses Geräts.",
  onCPU: (seconds, n) =>
    `Keine Grafikkarte verfügbar, deshalb läuft es auf deinem Prozessor: ${about(seconds)} für ${
      n === 0 ? "das Beispiel" : `deine ${texts(n)}`
    }.`,
  noGPU: "Dieser Browser gibt Seiten keine Grafikkarte (WebGPU), die das Modell braucht.",
  noGPUAnswer: "Die Grafikkarte antwortet nicht.",
  reload: "Lade die Seite neu, um es noch einmal zu versuchen.",
  stillCollect: "Du kannst auf dieser Seite trotzdem Texte sammeln, durchsuchen und exportieren.",
  noStorage:
    "Dieser Browser lässt diese Seite nichts speichern. " +
    "Deine Texte und das Gelernte bleiben, bis du die Seite schließt.",
  modelSize: "Das Modell, einmal heruntergeladen",
  programSize: "Das Programm",
  compressed: (size) => `${bytes(size)} (1 MB komprimiert)`,
  stored: "In diesem Browser gespeichert",
  about: (amount) => `etwa ${amount}`,
  sent: "An Server gesendete Daten",
  none: "keine",
  device: "Läuft auf",
  downloadNow: (size) => `Das Modell jetzt herunterladen (${bytes(size)})`,
  downloading: (loaded, total) => `Das Modell wird heruntergeladen: ${bytes(loaded)} von ${bytes(total)}`,
  opening: "Das Modell wird geöffnet…",
  since: "dem Download des Modells",
  withDownload: (label, size) => `${label} (${bytes(size)} Download)`,
  needsGPU: "Braucht eine Grafikkarte.",
  looking: "Eine Grafikkarte wird gesucht…",
  busy: "Das Modell ist beschäftigt.",
  sortOfError: (kind) => errors[kind],
  forgottenElsewhere: "Ein anderer Tab dieser Seite hat alles gelöscht.",
  notStored:
    "Das gewählte Modell ist nicht mehr in diesem Browser gespeichert. " +
    "Nimm das kleine Modell, oder wähle das andere neu.",
  otherModel: "Ein anderes Modell wählen",
  close: "Schließen",

  importing,
  text: "Text",
  texts,
  found: (found, all) => `${count(found)} von ${textsDative(all)}`,
  added: "Hinzugefügt.",
  addParagraphs: (n) => `Als ${texts(n)} hinzufügen, einen je Absatz`,
  noSample: (why) => `Der Beispielautor konnte nicht geladen werden: ${why}.`,
  edit: "Bearbeiten",
  editOne: (name) => `„${name}“ bearbeiten`,
  delete: "Löschen",
  deleteOne: (name) => `„${name}“ löschen`,
  save: "Speichern",
  cancel: "Abbrechen",
  deleted: (name) => ["„", name, "“ gelöscht. "],
  showAll: (characters) => `Alle ${count(characters)} Zeichen zeigen`,
  showLess: "Weniger zeigen",
  textOf: (name) => `Text von „${name}“`,
  undo: "Rückgängig",
  restored: "Wiederhergestellt.",

  learn: "Lernen",
  learnFrom: (n) => `Aus ${textsDative(n)} lernen`,
  learnAgain: "Noch einmal lernen",
  resumeLearning: "Weiterlernen",
  pause: "Pause",
  resume: "Fortsetzen",
  pausing: "Wird angehalten…",
  stopping: "Wird beendet…",
  stopped: "Beendet.",
  paused: "Pause. Was es bisher gelernt hat, ist gespeichert.",
  starting: "Beginnt…",
  enough: (n) => `Füge zuerst mindestens ${texts(n)} hinzu.`,
  elsewhere: "Ein anderer Tab lernt gerade aus diesen Texten.",
  interruptedEarly: "Das Lernen wurde am Anfang unterbrochen.",
  interrupted: (share) => `Das Lernen wurde nach ${percent(share)} unterbrochen.`,
  progress: (share) => `${percent(share)} geschafft`,
  left: (seconds) => `noch etwa ${duration(seconds)}`,
  announced: (share, seconds) => `${percent(share)} geschafft, noch ${duration(seconds)}.`,
  learnt: (seconds) => `Fertig in ${duration(seconds)}.`,
  learntAnnounced: "Das Lernen ist fertig.",
  lost: "Die Grafikkarte ist ausgefallen. Sie wird neu geöffnet, um fortzufahren.",
  stages: {
    load: "Das Modell wird geladen",
    tune: "Die Grafikkarte wird gemessen",
    expert: "Die Wörter werden gesucht, die typisch für dich sind",
    compile: "Die Grafikkarte wird vorbereitet",
    train: "Lernt",
    remember: "Es wird notiert, welche Wörter in deinen Texten auf welche folgen",
    evaluate: "Prüfung an Texten, die es nicht gesehen hat",
    save: "Wird gespeichert",
  },
  methods: {
    quill: "Quill: ContextSFT, beim Schreiben mit deinen eigenen Wörtern zur Hand",
    nextquill: "NextQuill, wie im Artikel",
    "nextquill-code": "NextQuill, wie im veröffentlichten Code",
    contextsft: "ContextSFT, gewöhnliches Fine-Tuning",
  },
  facts: {
    loss: "Verlust (Nats je Token)",
    heldoutLoss: "Verlust bei ungesehenen Texten",
    typical: "Token, die typisch für dich sind",
    speed: "Token je Sekunde",
    train: "Texte zum Lernen",
    heldout: "Beiseitegelegte Texte",
    before: "Ungesehene Texte, ursprüngliches Modell",
    after: "Ungesehene Texte, nach dem Lernen",
  },
  textCounts: ({ texts, windows, long, copies, skipped }) => {
    if (long + copies + skipped === 0) return undefined;
    const parts = [
      count(texts),
      long > 0 && `${count(long)} länger als ein Fenster, ${count(windows)} Fenster insgesamt`,
      copies > 0 && `${count(copies)} ausgelassen, auch Texte zum Lernen`,
      skipped > 0 && `${count(skipped)} ausgelassen, ihre Angaben sind zu lang`,
    ];
    return parts.filter(Boolean).join("; ");
  },
  chart: (title, value, step, steps) => `${title}: ${value} bei Schritt ${step} von ${steps}`,
  chartTrain: "Lernen aus deinen Texten",
  chartTypical: "Lernen, was typisch für dich ist",
  chartHeldout: "Ungesehene Texte",
  chartNote: (name) => `Verlust ${name}, niedriger ist besser`,
  step: (step) => `Schritt ${step}`,

  better: (n, times) =>
    `Es wirkt: in ${textsDative(n)} von dir, die das Modell nicht gesehen hat, ist jedes Wort oder jeder Wortteil ` +
    `jetzt im Mittel ${decimals(times, 2)}-mal so wahrscheinlich.`,
  noGain: (n) =>
    `Noch kein messbarer Gewinn: das Modell sagt ${texts(n)} von dir, die es nicht gesehen hat, etwa so gut voraus ` +
    "wie vorher. Füge mehr Texte hinzu und lerne noch einmal.",
  worse: (n) =>
    `Das Modell sagt ${texts(n)} von dir, die es nicht gesehen hat, jetzt schlechter voraus als vorher. ` +
    "Füge mehr Texte hinzu, oder wähle unter Einzelheiten weniger Durchgänge.",
  tooFew: (n) =>
    `Fertig. Nur ${plural(n, "Text wurde", "Texte wurden")} beiseitegelegt, zu wenige, um einen Gewinn zu messen. ` +
    "Füge mehr Texte hinzu.",
  untested: "Fertig. Kein Text konnte beiseitegelegt werden, um den Gewinn zu messen.",
  range: (low, high) => `${decimals(low, 2)}- bis ${decimals(high, 2)}-mal (95-%-Intervall)`,

  write: "Schreiben",
  writeAgain: "Noch einmal schreiben",
  sayAbout: "Gib zuerst an, worüber geschrieben werden soll.",
  emptyDraft: "Das Modell hat nichts geschrieben. Versuche es noch einmal.",
  copied: "Kopiert.",
  notLearnt: ", vor dem Lernen: es liest nur deine Texte, bevor es schreibt",
  draftDone: (text) => `Fertig. In deinem Stil: ${text}`,
  draftStopped: (text) => `Beendet. In deinem Stil: ${text}`,
  nameOfDetail: "Name der Angabe",
  valueOfDetail: "Wert der Angabe",
  detailHint: "an, Ort, Produkt…",

  explain: "Meine Wörter zeigen",
  noText: "Tippe zuerst einen Text ein oder füge ihn ein.",
  reading: "Der Text wird nach deinen Texten gelesen, und ohne jeden von ihnen…",
  own: (own, all, share) =>
    `${count(own)} von ${plural(all, "Wort oder Zeichen", "Wörtern und Zeichen")} (${percent(share)}) ` +
    "sind deutlich deine.",
  unfinished: "Der Entwurf wurde angehalten, deshalb endet der Text früh. ",
  chooseWord: "Zeige auf ein Wort, tippe es an, oder bewege dich mit den Pfeiltasten.",
  wordByWord: "Der Text, Wort für Wort",
  word: (after, without) => `: ${after} wahrscheinlich nach den früheren Texten, ${without} ohne sie.`,
  spoken: (word, after, without) => {
    const change = after - without;
    const way = Math.abs(change) < 0.01 ? "unverändert" : change > 0 ? "wahrscheinlicher" : "unwahrscheinlicher";
    return `${word}: ${way}, ${percent(after)} nach den früheren Texten, ${percent(without)} ohne sie`;
  },
  causes: "Wie viel wahrscheinlicher jeder frühere Text es macht:",
  times: (ratio) => `${decimals(ratio, ratio < 10 ? 2 : 0)} ×`,
  lessLikely: "unwahrscheinlicher",
  moreLikely: "wahrscheinlicher nach den früheren Texten, in Prozentpunkten",
  exampleWord: (after, without) =>
    `: ${after} wahrscheinlich nach diesen früheren Texten, ${without} ohne sie. ` +
    "Wie viel wahrscheinlicher jeder von ihnen es macht:",
  exampleResult: (n, unseen, times) =>
    `Das Modell hat aus ${textsDative(n)} von ihm gelernt. In ${textsDative(unseen)}, die es nicht gesehen hatte, ` +
    `wurde jedes Wort oder jeder Wortteil im Mittel ${times}-mal so wahrscheinlich.`,

  models: {
    small: "Kleines Modell",
    about: {
      "": "Englische Definitionen und kurze Sätze. Es ahmt einen Stil nach; viele seiner Texte ergeben keinen Sinn.",
      "bartowski/SmolLM2-135M-Instruct-GGUF": "Englisch. Seine Sätze ergeben meist Sinn.",
      "HuggingFaceTB/SmolLM2-360M-Instruct-GGUF": "Englisch. Besser und langsamer.",
      "Qwen/Qwen2.5-0.5B-Instruct-GGUF": "Viele Sprachen.",
      "Qwen/Qwen3-0.6B-GGUF": "Über hundert Sprachen.",
    },
    drop: "Oder lege ein Modell hier ab, oder ",
    chooseFile: "wähle eine GGUF-Datei",
    busy: "Das Modell ist beschäftigt. Warte, bis es fertig ist, oder brich das Lernen ab.",
    opening: (title) => `${title} wird geöffnet…`,
    use: "Nehmen",
    useOne: (title) => `${title} nehmen`,
    inUse: "In Gebrauch",
    yourFile: "Deine Datei.",
    stored: (size) => `${bytes(size)} gespeichert`,
    download: (title) => `${title} herunterladen`,
    measuring: "Es wird gemessen, wie schnell dieses Gerät lernt…",
    toDownload: (size) => `${size} Download`,
    memory: (size) => `${size} Speicher beim Lernen`,
    toLearn: (seconds, n) => `${about(seconds)}, um aus ${textsDative(n)} zu lernen`,
    notMeasured: "die Zeit wird gemessen, wenn ein Modell offen ist",
    needsMemory: (needed, gigabytes) =>
      `Braucht ${bytes(needed)} Arbeitsspeicher; dieses Gerät hat etwa ${count(gigabytes)} GB.`,
    needsStorage: (needed, free) => `Braucht ${bytes(needed)} Speicherplatz; dieser Browser gibt ${bytes(free)}.`,
  },
  downloads: {
    unknown: "Diese Seite hat kein Modell dieses Namens. Geh zurück und wähle eines aus der Liste.",
    from: "Von",
    size: "Größe des Downloads",
    memory: "Speicher beim Lernen",
    connecting: "Verbindung wird hergestellt…",
    again: "Noch einmal versuchen",
  },
  budget: {
    all: (seconds) => `Aus allen deinen Texten zu lernen dauert auf diesem Gerät ${about(seconds)}.`,
    newest: (n, seconds) => `Die neuesten ${texts(n)} (${about(seconds)})`,
    every: (n, seconds) => `Alle ${texts(n)} (${about(seconds)})`,
  },

  data: {
    texts: "Texte",
    training: "Gelerntes",
    noneYet: "noch keins",
    used: "Belegter Speicher",
    quota: "Speicher für diese Seite",
    protected: "Geschützt, wenn der Platz knapp wird",
    yes: "ja",
    no: "nein",
    keptAfter: "Bleibt nach dem Schließen der Seite",
    notKept: "nein, dieser Browser erlaubt der Seite nicht, Daten zu speichern",
    exportWarning:
      "Exportiertes Gelerntes enthält Wörter deiner Texte. Gib es nur Menschen, die deine Texte lesen dürfen.",
    exported: (n) => `${texts(n)} exportiert.`,
    trainingExported: "Das Gelernte ist exportiert.",
    inUse: (name) => `${name} wird benutzt.`,
    allDeleted: "Alles ist gelöscht; in diesem Browser ist nichts übrig.",
    notDeleted: (names) => `Nicht gelöscht: ${names}. Schließe andere Tabs dieser Seite und versuche es noch einmal.`,
  },

  requests: (n) => plural(n, "Anfrage", "Anfragen"),
  sinceText: (since) => ` seit ${since}.`,
  latest: (urls) => ` Zuletzt: ${urls}`,
  sinceLoad: "dem Laden der Seite",
};
