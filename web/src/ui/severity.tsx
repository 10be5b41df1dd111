import {
  IconAlertTriangle,
  IconChevronsUp,
  IconCircleCheck,
  IconEye,
  IconFlame,
  IconInfoCircle,
  IconPlugConnectedX,
  IconShieldCheck,
  IconTool,
  IconUrgent,
} from '@tabler/icons-react';
import type { AlertStatus, DeviceStatus, IncidentSeverity, IncidentStatus, Severity } from '@valtronics/contract';
import classes from './severity.module.css';

const severities = {
  info: { icon: IconInfoCircle, word: 'Info' },
  warning: { icon: IconAlertTriangle, word: 'Warning' },
  critical: { icon: IconUrgent, word: 'Critical' },
} as const;

/** Severity colours are never alone: always the icon and the word. */
export function SeverityBadge({ severity, muted = false }: { severity: Severity; muted?: boolean }) {
  const { icon: Icon, word } = severities[severity];
  return (
    <span className={classes.badge} data-tone={muted ? 'muted' : severity}>
      <Icon size={13} stroke={2} aria-hidden />
      {word}
    </span>
  );
}

const incidentSeverityWords = {
  low: { icon: IconInfoCircle, word: 'Low', tone: 'info' },
  medium: { icon: IconAlertTriangle, word: 'Medium', tone: 'warning' },
  high: { icon: IconChevronsUp, word: 'High', tone: 'critical' },
  critical: { icon: IconUrgent, word: 'Critical', tone: 'grave' },
} as const;

export const incidentSeverityWord = (severity: IncidentSeverity) => incidentSeverityWords[severity].word;

export function IncidentSeverityBadge({ severity, muted = false }: { severity: IncidentSeverity; muted?: boolean }) {
  const { icon: Icon, word, tone } = incidentSeverityWords[severity];
  return (
    <span className={classes.badge} data-tone={muted ? 'muted' : tone}>
      <Icon size={13} stroke={2} aria-hidden />
      {word}
    </span>
  );
}

const incidentStatuses = {
  open: { icon: IconFlame, word: 'Open', tone: 'critical' },
  acknowledged: { icon: IconEye, word: 'Acknowledged', tone: 'plain' },
  contained: { icon: IconShieldCheck, word: 'Contained', tone: 'plain' },
  resolved: { icon: IconCircleCheck, word: 'Resolved', tone: 'resolved' },
} as const;

export const incidentStatusWord = (status: IncidentStatus) => incidentStatuses[status].word;

export function IncidentStatusLabel({ status }: { status: IncidentStatus }) {
  const { icon: Icon, word, tone } = incidentStatuses[status];
  return (
    <span className={classes.label} data-tone={tone}>
      <Icon size={14} stroke={1.8} aria-hidden />
      {word}
    </span>
  );
}

const alertStatuses = {
  active: { icon: IconFlame, word: 'Active', tone: 'plain' },
  acknowledged: { icon: IconEye, word: 'Acknowledged', tone: 'plain' },
  resolved: { icon: IconCircleCheck, word: 'Resolved', tone: 'resolved' },
} as const;

export function AlertStatusLabel({ status }: { status: AlertStatus }) {
  const { icon: Icon, word, tone } = alertStatuses[status];
  return (
    <span className={classes.label} data-tone={tone}>
      <Icon size={14} stroke={1.8} aria-hidden />
      {word}
    </span>
  );
}

const deviceStatuses = {
  online: { word: 'Online', tone: 'online' },
  offline: { word: 'Offline', tone: 'plain', icon: IconPlugConnectedX },
  error: { word: 'Error', tone: 'critical', icon: IconAlertTriangle },
  maintenance: { word: 'Maintenance', tone: 'plain', icon: IconTool },
} as const;

export const deviceStatusWord = (status: DeviceStatus) => deviceStatuses[status].word;

export function DeviceStatusLabel({ status }: { status: DeviceStatus }) {
  const shown = deviceStatuses[status];
  const Icon = 'icon' in shown ? shown.icon : undefined;
  return (
    <span className={classes.label} data-tone={shown.tone}>
      {Icon ? <Icon size={14} stroke={1.8} aria-hidden /> : <span className={classes.dot} aria-hidden />}
      {shown.word}
    </span>
  );
}
