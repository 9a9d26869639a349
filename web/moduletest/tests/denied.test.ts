// A page of a site that the user does not allow to store data.

import { equal, test } from "../../browsertest/testfile/testing.js";
import { expected, useAll } from "./denied.js";

test("everything works in memory", async () => {
  equal(await useAll(), expected);
});
