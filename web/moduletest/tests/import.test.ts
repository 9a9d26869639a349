// Import of each format, into an empty history.

import { type Item, openHistory } from "nextquill";

import { equal, includes, test } from "../../browsertest/testfile/testing.js";

interface Imported {
  added: number;
  problems: string[];
  items: Item[];
}

async function imported(name: string, text: string): Promise<Imported> {
  const history = openHistory();
  try {
    await history.clear();
    const { added, problems } = await history.import(new File([text], name, { lastModified: 0 }));
    const items = await history.list();
    equal(items.length, added);
    return { added, problems: problems.map((fault) => fault.message), items };
  } finally {
    history.close();
  }
}

test("a.jsonl", async () => {
  const { added, problems, items } = await imported(
    "a.jsonl",
    `{"id":"1","context":{"to":"Ann","2":"x"},"text":"Hi <b>","time":"2024-05-17"}\n` +
      `\n{"text":3}\n{"subject":"lunch","text":"Noon?"}\n`,
  );
  equal(added, 2);
  equal(problems.length, 1);
  includes(problems[0] ?? "", "a.jsonl: line 3: text");
  equal(items[0]?.text, "Noon?");
  equal(items[0]?.context[0]?.name, "subject");
  equal(items[1]?.time, "2024-05-17T00:00:00.000Z");
});

test("b.csv", async () => {
  const { added, problems, items } = await imported("b.csv", `text;to;time\n"a ""b""\nc";Ann;2024\nd;;\n;x;\ne\n`);
  equal(added, 2);
  equal(problems.length, 2);
  equal(items[0]?.text, "d");
  equal(items[1]?.text, `a "b"\nc`);
  includes(problems[1] ?? "", "line 6: 1 cells where the first row has 3");
});

test("c.txt", async () => {
  const { added, items } = await imported("c.txt", "one\ntwo\n\n\nthree\n");
  equal(added, 2);
  equal(items[0]?.text, "one\ntwo");
});

test("2024-05-17-d.md", async () => {
  const { items } = await imported(
    "2024-05-17-d.md",
    `---\ntitle: "T: x"\ntags: [a, 'b']\nlist:\n  - p\n  - q\n---\nBody\n`,
  );
  equal(items[0]?.text, "Body");
  equal(items[0]?.time, "2024-05-17T00:00:00.000Z");
  equal(items[0]?.context[0]?.value, "T: x");
  equal(items[0]?.context[1]?.value, "a, b");
  equal(items[0]?.context[2]?.value, "p, q");
});

test("e.mbox", async () => {
  const { added, items } = await imported("e.mbox", mailbox);
  equal(added, 2);
  equal(items[0]?.text, "Grüße aus Köln");
  equal(items[0]?.context[0]?.value, "Ann Lee");
  equal(items[0]?.context[1]?.value, "Grüße");
  equal(items[0]?.time, "2024-05-17T10:00:00.000Z");
  equal(items[1]?.text, "Yes & no.\n\nFrom here on.");
});

const mailbox = `From a@example.org Fri May 17 10:00:00 2024
From: a@example.org
To: "Ann Lee" <ann@example.org>
Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=
Date: Fri, 17 May 2024 12:00:00 +0200
Content-Type: multipart/alternative; boundary="b1"

--b1
Content-Type: text/html

<p>no</p>
--b1
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe aus =
K=F6ln

On Thu, May 16, 2024, Ann Lee wrote:
> Where are you?
--${" "}
A
--b1--

From b@example.org Sat May 18 10:00:00 2024
To: c@example.org
Date: Sat, 18 May 2024 10:00:00 +0000
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PHA+WWVzICZhbXA7IG5vLjwvcD48YnI+RnJvbSBoZXJlIG9uLg==
`;
