import type { Alert } from '@valtronics/contract';
import { escapeHtml, htmlPage, htmlParagraph } from '../../platform/mail/mail-html.ts';
import type { Mail } from '../../platform/mail/mailer.ts';
import type { NotificationPayload } from './notification-outbox.repository.ts';
import { formatValue } from './rule.ts';

const TEST_TEXT = 'This is a test notification. If you can read it, alerts will arrive here.';

/** The body of a webhook. Public: add fields, never rename. */
export function webhookBody({ transition, at, alert }: NotificationPayload): string {
  if (alert === null) return JSON.stringify({ type: 'test', timestamp: at, data: { message: TEST_TEXT } });
  return JSON.stringify({ type: `alert.${transition}`, timestamp: at, data: { alert } });
}

export function mailMessage(payload: NotificationPayload, publicUrl: URL): Omit<Mail, 'to'> {
  const { transition, alert } = payload;
  if (alert === null)
    return {
      subject: 'Valtronics: test notification',
      text: `${TEST_TEXT}\n`,
      html: htmlPage(htmlParagraph(TEST_TEXT)),
    };
  const link = new URL(`/alerts/${alert.id}`, publicUrl).href;
  const lines = facts(alert, transition);
  const rows = lines.map(
    ([name, value]) => `<tr><th align="left">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`,
  );
  return {
    subject: `[${transition === 'resolved' ? 'resolved' : alert.severity}] ${alert.title}: ${alert.deviceName}`,
    text: `${alert.title}\n\n${lines.map(([name, value]) => `${name}: ${value}`).join('\n')}\n\n${link}\n`,
    html: htmlPage(
      `<h1>${escapeHtml(alert.title)}</h1><table>${rows.join('')}</table>` +
        `<p><a href="${escapeHtml(link)}">Open the alert</a></p>`,
    ),
  };
}

function facts(alert: Alert, transition: NotificationPayload['transition']): [string, string][] {
  const lines: [string, string][] = [
    ['Device', alert.deviceName],
    ['Severity', alert.severity],
    ['Status', transition === 'raised' ? 'active' : transition],
    ['Began', alert.startedAt],
  ];
  if (alert.detail !== null) lines.push(['What happened', alert.detail]);
  if (alert.peak !== null && transition === 'resolved') lines.push(['Worst value', formatValue(alert.peak)]);
  if (alert.resolvedAt !== null) lines.push(['Resolved', alert.resolvedAt], ['By', alert.resolvedBy ?? 'itself']);
  return lines;
}
