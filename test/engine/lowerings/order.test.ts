import { suite } from "uvu";
import { compareEngines } from "../support/compareEngines.js";
import { cases } from "./cases/order.js";

const test = suite("lowerings/order");

for (const [sentence, group] of Object.entries(cases)) test(sentence, () => compareEngines(sentence, group));

test.run();
