import type { Alert } from '@valtronics/contract';
import { escapeHtml, htmlPage, htmlParagraph } from '../../platform/mail/mail-html.ts';
import type { Mail } from '../../platform/mail/mailer.ts';
import type { AlertPayload, NotificationPayload } from './notification-outbox.repository.ts';
import { formatValue } from './rule.ts';

const TEST_TEXT = 'This is a test notification. If you can read it, alerts will arrive here.';

/** The body of a webhook. Public: add fields, never rename. */
export function webhookBody(payload: NotificationPayload): string {
  if (payload.transition === 'notice') {
    const { type, data } = payload.notice;
    return JSON.stringify({ type, timestamp: payload.at, data });
  }
  const { transition, at, alert } = payload;
  if (alert === null) return JSON.stringify({ type: 'test', timestamp: at, data: { message: TEST_TEXT } });
  return JSON.stringify({ type: `alert.${transition}`, timestamp: at, data: { alert } });
}

export function mailMessage(payload: NotificationPayload, publicUrl: URL): Omit<Mail, 'to'> {
  if (payload.transition === 'notice') {
    const { subject, title, lines, path, linkText } = payload.notice;
    return { subject, ...factsMail(title, lines, new URL(path, publicUrl).href, linkText) };
  }
  const { transition, alert } = payload;
  if (alert === null)
    return {
      subject: 'Valtronics: test notification',
      text: `${TEST_TEXT}\n`,
      html: htmlPage(htmlParagraph(TEST_TEXT)),
    };
  const link = new URL(`/alerts/${alert.id}`, publicUrl).href;
  return {
    subject: `[${transition === 'resolved' ? 'resolved' : alert.severity}] ${alert.title}: ${alert.deviceName}`,
    ...factsMail(alert.title, facts(alert, transition), link, 'Open the alert'),
  };
}

function factsMail(
  title: string,
  lines: readonly (readonly [name: string, value: string])[],
  link: string,
  linkText: string,
): Pick<Mail, 'text' | 'html'> {
  const rows = lines.map(
    ([name, value]) => `<tr><th align="left">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`,
  );
  return {
    text: `${title}\n\n${lines.map(([name, value]) => `${name}: ${value}`).join('\n')}\n\n${link}\n`,
    html: htmlPage(
      `<h1>${escapeHtml(title)}</h1><table>${rows.join('')}</table>` +
        `<p><a href="${escapeHtml(link)}">${escapeHtml(linkText)}</a></p>`,
    ),
  };
}

function facts(alert: Alert, transition: AlertPayload['transition']): [string, string][] {
  const lines: [string, string][] = [
    ['Device', alert.deviceName],
    ['Severity', alert.severity],
    ['Status', transition === 'raised' ? 'active' : transition],
    ['Began', alert.startedAt],
  ];
  if (alert.detail !== null) lines.push(['What happened', alert.detail]);
  else if (alert.health)
    lines.push(['What happened', 'It is about measurements of a person: open the alert to see them.']);
  if (alert.peak !== null && transition === 'resolved') lines.push(['Worst value', formatValue(alert.peak)]);
  if (alert.resolvedAt !== null) lines.push(['Resolved', alert.resolvedAt], ['By', alert.resolvedBy ?? 'itself']);
  return lines;
}
