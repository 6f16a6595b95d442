import { suite } from "uvu";
import { compareEngines } from "../support/compareEngines.js";
import { cases } from "./cases/fused.js";

const test = suite("lowerings/fused");

for (const [sentence, group] of Object.entries(cases)) test(sentence, () => compareEngines(sentence, group));

test.run();
