import { suite } from "uvu";
import { compareEngines } from "../support/compareEngines.js";
import { cases } from "./cases/dropout.js";

const test = suite("lowerings/dropout");

for (const [sentence, group] of Object.entries(cases)) test(sentence, () => compareEngines(sentence, group));

test.run();
