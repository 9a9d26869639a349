// Tables: CSV with commas or semicolons, and TSV.

import { Fault } from "../../fault.js";
import type { Field, NewItem } from "../item.js";
import type { Entry, SourceFile } from "./source.js";

/**
 * Reads a table. The first row names the columns: text (required), time, id; all others are context
 * fields. Empty cells are skipped. The separator is the comma, semicolon or tab, whichever the
 * first row has most.
 */
export function* readCSV(file: SourceFile): Generator<Entry> {
  const text = file.text.replaceAll("\r\n", "\n");
  let header: string[] | undefined;
  for (const { line, cells, open } of rows(text, separator(text))) {
    const where = `${file.name}: line ${line}`;
    if (cells.length === 1 && cells[0] === "") continue;
    if (header === undefined) {
      header = cells.map((cell) => cell.trim());
      if (!header.some((name) => name.toLowerCase() === "text")) {
        throw new Fault("missing", {
          where,
          detail: "no column is named text",
          remedy: 'name the columns in the first row; the texts are in the column "text"',
        });
      }
    } else if (open || cells.length !== header.length) {
      const detail = open ? "a quote is not closed" : `${cells.length} cells where the first row has ${header.length}`;
      const remedy = "double the quotes inside a cell, and give every row the same number of cells";
      yield { where, fault: new Fault("malformed", { where, detail, remedy }) };
    } else {
      yield { where, item: itemOf(header, cells) };
    }
  }
}

function itemOf(header: readonly string[], cells: readonly string[]): NewItem {
  const context: Field[] = [];
  const item: NewItem = { text: "", context };
  for (const [i, value] of cells.entries()) {
    const name = header[i]!;
    const key = name.toLowerCase();
    if (key === "text") item.text = value;
    else if (value.trim() === "") continue;
    else if (key === "id" || key === "time") item[key] = value;
    else context.push({ name, value });
  }
  return item;
}

function separator(text: string): string {
  const line = text.slice(0, text.indexOf("\n") >>> 0);
  const count = (c: string) => line.split(c).length;
  return [";", "\t"].reduce((best, c) => (count(c) > count(best) ? c : best), ",");
}

interface Row {
  line: number; // where it starts, from 1
  cells: string[];
  open: boolean; // ends inside quotes
}

// Splits by RFC 4180: quoted cells may contain separators, line breaks and doubled quotes.
function* rows(text: string, comma: string): Generator<Row> {
  const cell = comma === "\t" ? /[\t\n]/g : comma === ";" ? /[;\n]/g : /[,\n]/g;
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const row: Row = { line, cells: [], open: false };
    for (let end = false; !end; ) {
      let value = "";
      if (text[at] === '"') {
        const start = at++;
        for (;;) {
          const quote = text.indexOf('"', at);
          if (quote < 0) {
            row.open = true;
            value += text.slice(at);
            at = text.length;
            break;
          }
          value += text.slice(at, quote);
          at = quote + 1;
          if (text[at] !== '"') break;
          value += '"';
          at++;
        }
        line += text.slice(start, at).split("\n").length - 1;
      }
      cell.lastIndex = at;
      const stop = cell.exec(text)?.index ?? text.length;
      row.cells.push(value + text.slice(at, stop));
      end = stop >= text.length || text[stop] === "\n";
      at = stop + 1;
    }
    line++;
    yield row;
  }
}
