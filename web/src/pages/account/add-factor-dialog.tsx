import { Modal } from '@mantine/core';
import type { Factor } from '@valtronics/contract';
import { useState } from 'react';
import { AuthenticatorSetup } from '../../identity/authenticator-setup.tsx';
import { PasskeySetup } from '../../identity/passkey-setup.tsx';
import { RecoveryCodes } from '../../identity/recovery-codes.tsx';
import { sayDone } from '../../ui/toasts.tsx';

const titles = { totp: 'Add an authenticator app', passkey: 'Add a passkey' } as const;

export function AddFactorDialog({ kind, onClose }: { kind: Factor['kind']; onClose: () => void }) {
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  const added = (recoveryCodes: readonly string[] | null) => {
    sayDone(kind === 'totp' ? 'Authenticator app added' : 'Passkey added');
    if (recoveryCodes) setCodes(recoveryCodes);
    else onClose();
  };
  const setup = { onAdded: added, onCancel: onClose, cancelLabel: 'Cancel', asksAboutSessions: true };
  return (
    <Modal
      opened
      onClose={onClose}
      title={codes ? 'Keep your recovery codes' : titles[kind]}
      closeOnClickOutside={false}
      // Once closed, the codes are gone: the way out is to say that they are kept.
      closeOnEscape={codes === null}
      withCloseButton={codes === null}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {codes ? (
        <RecoveryCodes codes={codes} onKept={onClose} />
      ) : kind === 'totp' ? (
        <AuthenticatorSetup {...setup} />
      ) : (
        <PasskeySetup {...setup} />
      )}
    </Modal>
  );
}
