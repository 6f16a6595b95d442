/** Samples judged by the networks that were asked for, one after the other. */
import type { Engine } from "../../lib/engine/types.js";
import { INCEPTION_FEATURES } from "../../lib/models/inception.js";
import type { Reporter } from "../../lib/ui/progress.js";
import { engineOf } from "../support/engine.js";
import type { EvaluateContext } from "./evaluate.js";
import {
  type InceptionJudge,
  type Judges,
  type LocalJudge,
  openExtractor,
  openFeaturizer,
  originOf,
  type Sight,
} from "./evaluateJudges.js";
import { type Originals, writeOriginals } from "./evaluateStatistics.js";
import { caution } from "./fewImages.js";
import type { Reading } from "./neighbourSearch.js";
import { type Comparison, compareSets, fewest, lookAtSets, type Sets } from "./sampleFeatures.js";
import type { Eye } from "./seenSet.js";

/** What each network that was asked for says of the sets. */
export type Judgement = {
  readonly inception: Comparison | undefined;
  readonly local: Comparison | undefined;
};

export type Judging = {
  readonly judges: Judges;
  readonly sets: Sets;
  /** The reference as feature statistics name it. */
  readonly originals: Originals;
  readonly reading: Reading;
  readonly reporter: Reporter;
};

/** Opens an engine only if there is something to judge with. Throws as `compareSets` does. */
export async function judgeSamples({ config }: EvaluateContext, judging: Judging): Promise<Judgement> {
  const { inception, local } = judging.judges;
  if (!inception && !local) return { inception: undefined, local: undefined };
  const engine = await engineOf(config);
  return {
    inception: inception && (await judgeByInception(inception, judging, engine)),
    local: local && (await judgeLocally(local, judging, engine)),
  };
}

async function judgeByInception(judge: InceptionJudge, judging: Judging, engine: Engine): Promise<Comparison> {
  const extractor = await openExtractor(judge, sightOf(judging, engine));
  try {
    const eye: Eye = { dim: INCEPTION_FEATURES, see: (images) => extractor.extract(images) };
    const compared = await judgeBy(eye, judging, { engine, stored: judge.stored, score: "gFID", label: "Inception" });
    const { inceptionScore, ...reference } = compared.reference;
    if (judge.statistics !== undefined && !judge.stored && inceptionScore)
      await writeOriginals(judge.statistics, originOf(judge), {
        originals: judging.originals,
        features: { ...reference, inceptionScore },
      });
    return compared;
  } finally {
    await extractor.close();
  }
}

async function judgeLocally(judge: LocalJudge, judging: Judging, engine: Engine): Promise<Comparison> {
  const featurizer = await openFeaturizer(judge, sightOf(judging, engine));
  try {
    const eye: Eye = {
      dim: featurizer.dim,
      see: async (images) => ({ pooled: await featurizer.extract(images) }),
    };
    return await judgeBy(eye, judging, { engine, score: "Fréchet distance", label: "the tokenizer" });
  } finally {
    await featurizer.close();
  }
}

function sightOf({ reading, originals }: Judging, engine: Engine): Sight {
  return { engine, originals, batchSize: reading.batchSize };
}

type By = {
  readonly engine: Engine;
  readonly stored?: InceptionJudge["stored"];
  /** What the distance and the network are called. */
  readonly score: string;
  readonly label: string;
};

async function judgeBy(eye: Eye, { sets, reading, reporter }: Judging, by: By): Promise<Comparison> {
  const { samples, reference, real } = sets;
  const again = by.stored ? Math.min(samples.count, reference.count) : 0; // for their neighbours
  const total = samples.count + reference.count + again + (real ? Math.min(samples.count, real.count) : 0);
  const bar = reporter.bar({ total, unit: "images", label: by.label });
  let done = 0;
  const onProgress = (images: number) => {
    done += images;
    bar.update(done);
  };
  const seen = await lookAtSets(sets, { ...by, eye, reading, onProgress });
  bar.stop();
  reporter.info(`comparing what ${by.label} saw`);
  const compared = await compareSets(seen, { ...by, dim: eye.dim });
  const sentence = caution(fewest(compared), eye.dim);
  if (sentence !== undefined) reporter.warn(`${by.score}: ${sentence}`);
  return compared;
}
