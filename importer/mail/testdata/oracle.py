#!/usr/bin/env python3
"""Write the fixtures of this folder and, next to each, what Python's email package reads from it.

    python3 importer/mail/testdata/oracle.py

The test TestMailAgainstPython compares the importer with the .json files."""
import base64, email, email.policy, json, pathlib, quopri

folder = pathlib.Path(__file__).parent
HEAD = "From: {}\r\nTo: Bo <bo@b.example>\r\nSubject: {}\r\nDate: Mon, 25 Mar 2024 10:00:00 +0100\r\nMIME-Version: 1.0\r\n"


def mail(name, body, kind, subject="=?utf-8?q?Gr=C3=BC=C3=9Fe?=", sender="Ana <ana@a.example>"):
    head = HEAD.format(sender, subject) + "".join(k + ": " + v + "\r\n" for k, v in kind)
    (folder / (name + ".eml")).write_bytes(head.encode() + b"\r\n" + body)


def part(kind, encoding, body):
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body + b"\r\n"


text = "Schöne Grüße, 12 € – ça va ?\r\nZweite Zeile = gut\r\n"
mail("latin1", "Grüße aus Köln\r\n".encode("latin-1"),
     [("Content-Type", "text/plain; charset=iso-8859-1"), ("Content-Transfer-Encoding", "8bit")])
mail("koi8", "Привет, как дела?\r\n".encode("koi8-r"),
     [("Content-Type", "text/plain; charset=koi8-r"), ("Content-Transfer-Encoding", "8bit")],
     subject="=?koi8-r?B?" + base64.b64encode("Привет".encode("koi8-r")).decode() + "?=")
mail("sjis", "こんにちは、元気ですか。\r\n".encode("shift_jis"),
     [("Content-Type", "text/plain; charset=Shift_JIS"), ("Content-Transfer-Encoding", "8bit")],
     subject="=?ISO-2022-JP?B?" + base64.b64encode("会議の件".encode("iso-2022-jp")).decode() + "?=")
mail("iso2022", "会議は三時です。\r\n".encode("iso-2022-jp"),
     [("Content-Type", "text/plain; charset=iso-2022-jp"), ("Content-Transfer-Encoding", "7bit")])
mail("gb", "明天见\r\n".encode("gb18030"),
     [("Content-Type", "text/plain; charset=gb18030"), ("Content-Transfer-Encoding", "base64")][:1])
mail("qp", quopri.encodestring(text.replace("\r\n", "\n").encode()).replace(b"\n", b"\r\n"),
     [("Content-Type", 'text/plain; charset="utf-8"'), ("Content-Transfer-Encoding", "quoted-printable")],
     subject="=?utf-8?Q?Ein_langer?= =?utf-8?Q?_Betreff?=", sender="=?utf-8?B?" + base64.b64encode("Ана".encode()).decode() + "?= <ana@a.example>")
mail("base64", base64.encodebytes(text.encode()),
     [("Content-Type", "text/plain; charset=utf-8"), ("Content-Transfer-Encoding", "base64")])
mail("alternative", b"--x\r\n" + part("text/plain; charset=windows-1252", "quoted-printable", b"It=92s =8020")
     + b"--x\r\n" + part("text/html; charset=utf-8", "7bit", b"<p>It's 20</p>") + b"--x--\r\n",
     [("Content-Type", "multipart/alternative; boundary=x")])
mail("nested", b"--o\r\nContent-Type: multipart/alternative; boundary=\"i n\"\r\n\r\n--i n\r\n"
     + part("text/plain; charset=utf-8", "7bit", b"Inner") + b"--i n--\r\n--o\r\n"
     + b"Content-Disposition: attachment; filename=a.txt\r\n" + part("text/plain", "base64", base64.b64encode(b"attached"))
     + b"--o--\r\n", [("Content-Type", "multipart/mixed; boundary=\"o\"")])
mail("htmlonly", "<html><body><p>Só HTML &amp; mais</p></body></html>\r\n".encode(),
     [("Content-Type", "text/html; charset=utf-8"), ("Content-Transfer-Encoding", "8bit")])

for path in sorted(folder.glob("*.eml")):
    m = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    body = m.get_body(("plain", "html"))
    out = {"subject": str(m["subject"]), "name": m["from"].addresses[0].display_name,
           "address": m["from"].addresses[0].addr_spec, "type": body.get_content_type(),
           "body": body.get_content().replace("\r\n", "\n")}
    path.with_suffix(".json").write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n")
