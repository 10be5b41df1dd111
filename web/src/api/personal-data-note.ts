import { type PersonalDataKind, personalDataHeader, personalDataKinds } from '@valtronics/contract';
import { sayCaution } from '../ui/toasts.tsx';

/** Tells the person that what they wrote holds personal data, where the server's answer says so. */
export function tellPersonalData(headers: Headers): void {
  const found = headers.get(personalDataHeader);
  if (!found) return;
  const items = found.split(', ').map((item) => item.split(';'));
  const fields = items.map(([field = '', ...parameters]) => {
    const kind = parameters.find((each) => each.startsWith('kind='))?.slice('kind='.length);
    const text = personalDataKinds[kind as PersonalDataKind]?.text ?? 'personal data';
    return `${field}: ${text}`;
  });
  const masked = items.some((item) => item.includes('masked'));
  sayCaution(
    masked ? 'Personal data was hidden' : 'This looks like personal data',
    `${fields.join(', ')}. ${masked ? 'It was not stored.' : 'It was stored, and reported. It belongs to a person measured.'}`,
  );
}
