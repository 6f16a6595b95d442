import { readFile } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import { type AdversarialForm, discriminatorLoss, generatorLoss } from "../../lib/losses/adversarial.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { drawFrom } from "../engine/support/drawing.js";
import { numbersOf, onCpu } from "../nn/support/eager.js";
import { expectClose, fixture } from "../support.js";

const test = suite("losses/adversarial");

type Losses = { d_loss: number; d_grad_real: number[]; d_grad_fake: number[]; g_loss: number; g_grad_fake: number[] };
type GoldenGan = { logits_real: number[]; logits_fake: number[] } & Record<
  "vanilla" | "hinge" | "least_square",
  Losses
>;

const FORMS = { vanilla: "logistic", hinge: "hinge", least_square: "leastSquares" } as const;

test("values and gradients of all forms are the reference's", async () => {
  const text = await readFile(fixture("golden", "losses.json"), "utf8");
  const { gan } = JSON.parse(text) as { gan: GoldenGan };
  for (const [theirs, form] of Object.entries(FORMS) as [keyof typeof FORMS, AdversarialForm][]) {
    const want = gan[theirs];
    const got = onCpu(() => {
      const [real, fake] = [tf.tensor1d(gan.logits_real), tf.tensor1d(gan.logits_fake)];
      const d = (r: tf.Tensor, f: tf.Tensor) => discriminatorLoss(form, { real: r, fake: f });
      const g = (f: tf.Tensor) => generatorLoss(form, f);
      return [d(real, fake), ...tf.grads(d)([real, fake]), g(fake), tf.grad(g)(fake)].map(numbersOf);
    });
    const wanted = [[want.d_loss], want.d_grad_real, want.d_grad_fake, [want.g_loss], want.g_grad_fake];
    const names = ["D", "dD/dreal", "dD/dfake", "G", "dG/dfake"];
    wanted.forEach((values, i) => {
      expectClose(got[i]!, values, `${form}: ${names[i]}`, { relative: 1e-5, absolute: 1e-7 });
    });
  }
});

test("logits far from zero overflow nothing", () => {
  const values = onCpu(() =>
    numbersOf(discriminatorLoss("logistic", { real: tf.tensor1d([-500, 500]), fake: tf.tensor1d([-500, 500]) })),
  );
  expectClose(values, [250], "loss", { relative: 1e-6 });
});

test("graph and JavaScript agree", () => {
  const draw = drawFrom(1, "adversarial");
  return compareEngines(
    "adversarial",
    Object.values(FORMS).map((form) => ({
      name: form,
      operands: [draw.operand([7], { form: "input" }), draw.operand([7], { form: "input" })],
      f: (real, fake) => [discriminatorLoss(form, { real: real!, fake: fake! }), generatorLoss(form, fake!)],
    })),
  );
});

test.run();
