import type { PasskeyAssertion, PasskeyAttestation, PasskeyCreation, PasskeyRequest } from '@valtronics/contract';
import { ProblemError } from '../api/problem-error.ts';

// The library is fetched when a passkey is first used: most visits of the sign-in page do not need it.
const library = () => import('@simplewebauthn/browser');
type AsksWith = Parameters<Awaited<ReturnType<typeof library>>['startAuthentication']>[0]['optionsJSON'];
type MakesWith = Parameters<Awaited<ReturnType<typeof library>>['startRegistration']>[0]['optionsJSON'];

/** False in browsers without WebAuthn, and where the page has no secure context. */
export const passkeysWork = () => typeof window.PublicKeyCredential === 'function';
export const withoutPasskeys = 'This browser cannot use passkeys';

/** Browsers tell a page neither whether there was a passkey nor whether the person said no: it must not learn who is known. */
function notDone(title: string, error: unknown): ProblemError {
  const name = error instanceof Error ? error.name : '';
  const isKnown = name === 'InvalidStateError';
  return new ProblemError({
    status: 0,
    code: 'invalid_factor',
    title: isKnown ? 'This passkey is set up already' : title,
    detail: isKnown
      ? 'Use another device or security key.'
      : name === 'NotAllowedError' || name === 'AbortError'
        ? 'It was cancelled or took too long.'
        : 'The browser refused it.',
  });
}

export async function askForPasskey(request: PasskeyRequest): Promise<PasskeyAssertion> {
  const { startAuthentication } = await library();
  try {
    const made = await startAuthentication({ optionsJSON: request as AsksWith });
    return { ...made, clientExtensionResults: { ...made.clientExtensionResults } };
  } catch (error) {
    throw notDone('No passkey was used', error);
  }
}

export async function makePasskey(creation: PasskeyCreation): Promise<PasskeyAttestation> {
  const { startRegistration } = await library();
  try {
    const made = await startRegistration({ optionsJSON: creation as MakesWith });
    return { ...made, clientExtensionResults: { ...made.clientExtensionResults } };
  } catch (error) {
    throw notDone('No passkey was made', error);
  }
}
