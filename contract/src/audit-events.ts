/**
 * Every event the audit log can hold, by its public name. Add, never rename: people's searches and SIEM rules depend on them.
 * The text completes the sentence "On <date> <actor> …".
 */
export const auditEvents = {
  'organisation.created': 'created the organisation',
  'organisation.settings_changed': 'changed the organisation settings',
  'user.invited': 'invited a person',
  'user.invitation_accepted': 'accepted an invitation',
  'user.created': 'created an account',
  'user.changed': 'changed an account',
  'user.disabled': 'disabled an account',
  'user.password_changed': 'changed their password',
  'session.created': 'signed in',
  'session.refused': 'failed to sign in',
  'session.refreshed': 'renewed an access token',
  'session.reuse_detected': 'presented a refresh token that had been used before',
  'session.ended': 'signed out',
  'session.revoked': 'ended a session',
  'device.registered': 'registered a device',
  'device.changed': 'changed a device',
  'device.deleted': 'deleted a device',
  'device.credential_created': 'created a device credential',
  'device.credential_revoked': 'revoked a device credential',
  'device.command_sent': 'sent a command to a device',
  'telemetry.written': 'wrote telemetry on behalf of devices',
  'telemetry.expired': 'removed telemetry past its retention',
  'alert_rule.created': 'created an alert rule',
  'alert_rule.changed': 'changed an alert rule',
  'alert_rule.deleted': 'deleted an alert rule',
  'alert.acknowledged': 'acknowledged an alert',
  'alert.resolved': 'resolved an alert',
  'alert.noted': 'added a note to an alert',
  'notification_channel.created': 'created a notification channel',
  'notification_channel.changed': 'changed a notification channel',
  'notification_channel.deleted': 'deleted a notification channel',
  'notification_channel.tested': 'sent a test notification',
  'signing_key.created': 'created a token signing key',
  'signing_key.rotated': 'rotated the token signing keys',
  'signing_key.retired': 'retired a token signing key',
} as const satisfies Record<string, string>;

export type AuditEventName = keyof typeof auditEvents;
