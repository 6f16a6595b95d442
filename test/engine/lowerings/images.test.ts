import { suite } from "uvu";
import { compareEngines } from "../support/compareEngines.js";
import { cases } from "./cases/images.js";

const test = suite("lowerings/images");

for (const [sentence, group] of Object.entries(cases)) test(sentence, () => compareEngines(sentence, group));

test.run();
