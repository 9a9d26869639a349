// Steps of TestImportLikeCommandLine: files as people have them, read by the module.

import { openHistory } from "nextquill";

import { steps } from "../../browsertest/testfile/testing.js";

interface GivenFile {
  name: string;
  /** In base64. */
  data: string;
  modified: number;
}

steps({
  /** Reads files. Where there are several senders, it takes the likely one. */
  async read(given: GivenFile[]) {
    const history = openHistory();
    const opened = await history.openFiles(
      given.map(({ name, data, modified }) => {
        const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
        return { name, blob: new File([bytes], name, { lastModified: modified }) };
      }),
    );
    const { choose, senders } = opened.found;
    const me = choose ? senders.filter((s) => s.likely).map((s) => s.id) : [];
    if (choose) await opened.choose({ me });
    opened.close();
    history.close();
    const { items, leftOut } = opened.found;
    return { me, items: items.map((item) => ({ ...item, time: item.time ?? "" })), leftOut };
  },
});
