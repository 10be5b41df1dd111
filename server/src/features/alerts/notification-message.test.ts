import type { Alert } from '@valtronics/contract';
import { describe, expect, it } from 'vitest';
import { mailMessage, webhookBody } from './notification-message.ts';

const publicUrl = new URL('https://valtronics.example.org');

const anAlert = (fields: Partial<Alert> = {}): Alert => ({
  id: '0199a1b2-0000-7000-8000-000000000001',
  type: 'rule',
  ruleId: '0199a1b2-0000-7000-8000-000000000002',
  deviceId: '0199a1b2-0000-7000-8000-000000000003',
  deviceName: 'Freezer 3',
  metric: 'temperature',
  severity: 'critical',
  status: 'active',
  title: 'Too warm',
  detail: 'temperature above 8; it was 9.1',
  value: 9.1,
  peak: 9.1,
  threshold: 8,
  health: false,
  startedAt: '2026-01-01T12:00:00.000Z',
  raisedAt: '2026-01-01T12:00:01.000Z',
  acknowledgedAt: null,
  acknowledgedBy: null,
  resolvedAt: null,
  resolvedBy: null,
  ...fields,
});
const aPayload = (alert: Alert | null, transition: 'raised' | 'resolved' | 'test' = 'raised') => ({
  transition,
  at: '2026-01-01T12:00:02.000Z',
  alert,
});

describe('mail', () => {
  it('says what, where, how bad and where to look', () => {
    const mail = mailMessage(aPayload(anAlert()), publicUrl);
    expect(mail.subject).toBe('[critical] Too warm: Freezer 3');
    for (const text of ['Freezer 3', 'critical', 'it was 9.1', `${publicUrl.origin}/alerts/${anAlert().id}`]) {
      expect(mail.text).toContain(text);
      expect(mail.html).toContain(text);
    }
  });

  it('says when it is over, by whom, and how bad it was', () => {
    const alert = anAlert({ status: 'resolved', resolvedAt: '2026-01-01T12:05:00.000Z', resolvedBy: 'Ann', peak: 12 });
    const mail = mailMessage(aPayload(alert, 'resolved'), publicUrl);
    expect(mail.subject).toBe('[resolved] Too warm: Freezer 3');
    expect(mail.text).toMatch(/Worst value: 12\n.*12:05:00.*\nBy: Ann/);
  });

  it('[ASVS 1.2.1] shows markup in names as text', () => {
    const evil = `<img src=x onerror="alert('1')">&`;
    const { html } = mailMessage(aPayload(anAlert({ title: evil, deviceName: evil, detail: evil })), publicUrl);
    expect(html).not.toContain('<img');
    expect(html.match(/&lt;img src=x onerror=&quot;alert\(&#39;1&#39;\)&quot;&gt;&amp;/g)).toHaveLength(3);
  });
});

describe('webhook', () => {
  it('names what happened and carries the alert', () => {
    expect(JSON.parse(webhookBody(aPayload(anAlert())))).toEqual({
      type: 'alert.raised',
      timestamp: '2026-01-01T12:00:02.000Z',
      data: { alert: anAlert() },
    });
    expect(JSON.parse(webhookBody(aPayload(null, 'test')))).toMatchObject({ type: 'test' });
  });
});
