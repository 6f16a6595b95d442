/** What judges said of samples, as JSON: scores, and under `protocol` how each came about. */
import type { InceptionScore } from "../../lib/metrics/inceptionScore.js";
import { NEIGHBOURS } from "../../lib/metrics/manifold.js";
import { INCEPTION_FEATURES } from "../../lib/models/inception.js";
import { type InceptionJudge, type Judges, type LocalJudge, localProtocol } from "./evaluateJudges.js";
import { isSingular } from "./fewImages.js";
import { type Comparison, fewest } from "./sampleFeatures.js";
import type { Judgement } from "./sampleJudgement.js";

export type JudgedFigures = ReturnType<typeof judgedFigures>;

export type JudgedProtocol = ReturnType<typeof judgedProtocol>;

/** Scores of one of the sets; those that were not taken are null. */
export function judgedFigures({ inception, local }: Judgement, set: "samples" | "real") {
  const [seen, near] = [inception?.[set], local?.[set]];
  return {
    gfid: seen?.frechet ?? null,
    inceptionScore: seen?.inceptionScore ? scoreOf(seen.inceptionScore) : null,
    precision: seen?.manifold?.precision ?? null,
    recall: seen?.manifold?.recall ?? null,
    density: seen?.manifold?.density ?? null,
    coverage: seen?.manifold?.coverage ?? null,
    localFrechet: near?.frechet ?? null,
    localPrecision: near?.manifold?.precision ?? null,
    localRecall: near?.manifold?.recall ?? null,
    localDensity: near?.manifold?.density ?? null,
    localCoverage: near?.manifold?.coverage ?? null,
  };
}

/** How the scores came about, and the Inception Score of the reference. */
export function judgedProtocol({ inception, local }: Judgement, judges: Judges) {
  const score = inception?.reference.inceptionScore;
  return {
    referenceInceptionScore: score ? scoreOf(score) : null,
    protocol: {
      inception: inception && judges.inception ? inceptionProtocol(judges.inception, inception) : null,
      local: local && judges.local ? localProtocolOf(judges.local, local) : null,
    },
  };
}

function inceptionProtocol({ weights, protocol, statistics, stored }: InceptionJudge, compared: Comparison) {
  const { file, sha256, known, network } = weights;
  return {
    file,
    sha256,
    known,
    network,
    resize: protocol,
    ...countsOf(compared, INCEPTION_FEATURES),
    statistics: statistics === undefined ? null : { file: statistics, read: stored !== undefined },
  };
}

function localProtocolOf(judge: LocalJudge, compared: Comparison) {
  const protocol = localProtocol(judge);
  return { ...protocol, ...countsOf(compared, protocol.dim) };
}

function countsOf(compared: Comparison, dim: number) {
  return {
    samples: compared.samples.images,
    reference: compared.reference.moments.count,
    real: compared.real?.images ?? null,
    singularCovariance: isSingular(fewest(compared), dim),
    /** k of precision and recall, of density and coverage, and the images of the reference they were sought among. */
    neighbours: { ...NEIGHBOURS, among: compared.neighbours },
  };
}

const scoreOf = ({ mean, std, splits }: InceptionScore) => ({ mean, std, splits });
