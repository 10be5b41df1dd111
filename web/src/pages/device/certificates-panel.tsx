import { Badge, Button, Checkbox, Skeleton } from '@mantine/core';
import { IconCertificate, IconPlus } from '@tabler/icons-react';
import {
  certificateIssue,
  certificateRevoke,
  certificatesList,
  type Device,
  type DeviceCertificate,
} from '@valtronics/contract';
import { useState } from 'react';
import { useRefusal } from '../../api/session.ts';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { GuardedButton } from '../../ui/guarded.tsx';
import { Panel } from '../../ui/page.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import classes from './device.module.css';
import { IssueCertificateDialog } from './issue-certificate-dialog.tsx';

export function CertificatesPanel({ device }: { device: Device }) {
  const { data, error, isPending, refetch } = useEndpoint(certificatesList, { params: { id: device.id } });
  const refusal = useRefusal(certificateIssue);
  const [issuing, setIssuing] = useState(false);
  const [revoking, setRevoking] = useState<DeviceCertificate | null>(null);
  const issue = (
    <GuardedButton refusal={refusal} leftSection={<IconPlus size={14} />} onClick={() => setIssuing(true)}>
      New certificate
    </GuardedButton>
  );
  return (
    <div className={classes.below}>
      {error && !data ? (
        <ErrorState problem={error} onRetry={() => void refetch()} />
      ) : isPending ? (
        <Skeleton height={160} />
      ) : data?.items.length === 0 ? (
        <EmptyState
          icon={<IconCertificate size={20} />}
          title="No certificate"
          hint="With one the device proves itself by a key that never leaves it."
          action={issue}
        />
      ) : (
        <Panel title="Certificates" aside={issue} flush>
          <ul className={classes.list} aria-label="Certificates">
            {data?.items.map((certificate) => (
              <CertificateRow
                key={certificate.id}
                certificate={certificate}
                onRevoke={() => setRevoking(certificate)}
              />
            ))}
          </ul>
        </Panel>
      )}
      {issuing ? <IssueCertificateDialog device={device} onClose={() => setIssuing(false)} /> : null}
      {revoking ? (
        <RevokeDialog
          device={device}
          certificate={revoking}
          hasSuccessors={data?.items.some(({ renewedFrom }) => renewedFrom === revoking.id) ?? false}
          onClose={() => setRevoking(null)}
        />
      ) : null}
    </div>
  );
}

function CertificateRow({ certificate, onRevoke }: { certificate: DeviceCertificate; onRevoke: () => void }) {
  const isOver = certificate.revokedAt !== null || Date.parse(certificate.notAfter) <= Date.now();
  return (
    <li>
      <StateBadge certificate={certificate} />
      <span className={classes.grow}>
        {certificate.label ?? (certificate.renewedFrom ? 'Renewed by the device' : 'Certificate')}{' '}
        <span className="dim mono" title={`SHA-256 ${certificate.fingerprintSha256}`}>
          {certificate.fingerprintSha256.slice(0, 16)}
        </span>
      </span>
      <span className="dim">{certificate.keyType}</span>
      <span className="dim">
        used <RelativeTime at={certificate.lastUsedAt} />
      </span>
      <span className="dim">
        made <RelativeTime at={certificate.createdAt} />
      </span>
      {isOver ? null : (
        <Button size="compact-xs" variant="default" onClick={onRevoke}>
          Revoke
        </Button>
      )}
    </li>
  );
}

function StateBadge({ certificate }: { certificate: DeviceCertificate }) {
  if (certificate.revokedAt) return <Badge color="gray">Revoked</Badge>;
  if (Date.parse(certificate.notAfter) <= Date.now()) return <Badge color="gray">Expired</Badge>;
  return (
    <Badge color="teal" variant="light">
      Ends <RelativeTime at={certificate.notAfter} />
    </Badge>
  );
}

interface RevokeProps {
  device: Device;
  certificate: DeviceCertificate;
  hasSuccessors: boolean;
  onClose: () => void;
}

function RevokeDialog({ device, certificate, hasSuccessors, onClose }: RevokeProps) {
  const revoke = useChange(certificateRevoke, ['/devices/{id}/certificates']);
  const [wasStolen, setWasStolen] = useState(false);
  const params = { id: device.id, certificateId: certificate.id };
  return (
    <ConfirmDialog
      title="Revoke this certificate?"
      action="Revoke"
      onClose={onClose}
      onConfirm={() => revoke.mutateAsync({ params, query: { successors: wasStolen ? 'revoke' : 'keep' } })}
    >
      Connections that use it end within a second, and it never works again.
      {hasSuccessors ? (
        <Checkbox
          mt="sm"
          label="Its key may be in other hands: revoke what was renewed with it too"
          checked={wasStolen}
          onChange={(event) => setWasStolen(event.currentTarget.checked)}
        />
      ) : null}
    </ConfirmDialog>
  );
}
