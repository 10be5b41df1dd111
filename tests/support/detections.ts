import { newId } from '../../server/src/lib/ids.ts';
import type { Detection } from '../../server/src/security/detection/detection.ts';

/** Something that was concluded a moment ago: password spraying, to be blocked, unless told otherwise. */
export function aDetection(own: Partial<Detection> = {}): Detection {
  const at = own.at ?? new Date();
  return {
    id: newId(),
    at,
    scenario: 'password-spraying',
    name: 'One password was tried on many accounts',
    severity: 'medium',
    technique: 'T1110.003',
    organisationId: null,
    subject: { scope: 'ip', value: '192.0.2.1' },
    firstAt: at,
    lastAt: at,
    count: 10,
    events: [],
    response: { decision: 'block', opensIncident: true },
    simulated: false,
    ...own,
  };
}
