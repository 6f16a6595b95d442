#!/usr/bin/env node
import { commands } from "../commands/index.js";
import { main } from "../commands/support/program.js";
import { version } from "../commands/support/version.js";

await main({
  describe: "Vector-quantized image modeling: train an image tokenizer, model its codes, sample new images.",
  version,
  commands,
});
