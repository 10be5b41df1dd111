import { scanBindings } from './bindings.ts';
import { citations } from './citations.ts';
import { gaps } from './gaps.ts';
import { notApplicable } from './not-applicable.ts';
import { readRequirements } from './requirements.ts';
import type { Outcomes } from './test-report.ts';
import { type Evidence, type Judged, verdictOn } from './verdicts.ts';

export const readEvidence = (): Evidence => ({ bindings: scanBindings(), citations, notApplicable, gaps });

/** All requirements, in the order of the standard. */
export const judge = (evidence: Evidence, outcomes?: Outcomes): Judged[] =>
  readRequirements().map((requirement) => ({ requirement, verdict: verdictOn(requirement, evidence, outcomes) }));
