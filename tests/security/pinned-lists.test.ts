import { endpoints, streams, topics } from '@valtronics/contract';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { unauditedReasons } from '../../server/src/security/audit/tokens.ts';

// Lists that should only ever shrink. A longer one is a decision somebody has to make here, in the open.

const named = Object.entries(endpoints);

describe('pinned lists', () => {
  it('[ASVS 13.4.5] open endpoints: everything a stranger may call', () => {
    expect(
      named
        .filter(([, { access }]) => access.kind === 'open')
        .map(([name]) => name)
        .sort(),
    ).toEqual([
      'deviceAuthorityPem',
      'deviceEnrol',
      'deviceRevocationList',
      'docsPage',
      'healthLive',
      'healthReady',
      'invitationAccept',
      'invitationInspect',
      'jwks',
      'login',
      'logout',
      'mfaVerify',
      'offeredProvidersList',
      'oidcBackchannelLogout',
      'oidcCallback',
      'oidcStart',
      'openApiDocument',
      'passkeySignIn',
      'passwordForgot',
      'passwordReset',
      'passwordResetInspect',
      'refresh',
      'sessionCreate',
      'sessionVerify',
    ]);
  });

  it('writes without an audit event: measurements, and questions that are asked by POST', () => {
    const silent = named
      .filter(([, { method, audit }]) => method !== 'GET' && audit.kind === 'unaudited')
      .map(([name]) => name);
    expect(silent.sort()).toEqual([
      'alertRuleDryRun',
      'invitationInspect',
      'passkeyBegin',
      'passkeySignIn',
      'passwordResetInspect',
      'stepUpBegin',
      'telemetrySend',
      'totpBegin',
    ]);
  });

  it('endpoints without a rate of their own: probes only', () => {
    expect(
      named
        .filter(([, { rate }]) => rate === 'none')
        .map(([name]) => name)
        .sort(),
    ).toEqual(['healthLive', 'healthReady']);
  });

  it('unaudited transactions', () => {
    expect(Object.keys(unauditedReasons).sort()).toEqual([
      'account_mail',
      'api_key_touch',
      'audit_sequence',
      'backup_runs',
      'challenge',
      'command_progress',
      'data_key',
      'departure',
      'detection',
      'device_alert',
      'device_presence',
      'guess_counters',
      'housekeeping',
      'last_places',
      'new_series',
      'outbox',
      'password_rehash',
      'point_ids',
      'proof_taken',
      'reseal',
      'rule_effects',
      'seal_marked',
      'security_events',
      'session_cache',
      'session_touch',
      'siem_progress',
      'telemetry_effects',
    ]);
  });

  it('what the inspection does not read, or reads and never refuses', () => {
    const declared = [...named, ...topics.map((topic) => [topic.pattern, topic] as const)];
    const exemptions = declared.flatMap(([name, { inspection = [] }]) =>
      inspection.map(({ field, how, why }) => {
        expect(why.length, `${name} ${field}`).toBeGreaterThan(20);
        return `${name} ${field} ${how}`;
      }),
    );
    expect(exemptions.toSorted()).toEqual([
      'alertAcknowledge body.note reported',
      'alertNote body.note reported',
      'alertResolve body.note reported',
      'allowListAdd body.note reported',
      'blockCreate body.reason reported',
      'channelChange body.target reported',
      'channelCreate body.target reported',
      'channelReveal body.reason reported',
      'commandSend body.payload reported',
      'deviceChange body.description reported',
      'deviceRegister body.description reported',
      'deviceReveal body.reason reported',
      'identityProviderChange body.clientSecret unseen',
      'identityProviderCreate body.clientSecret unseen',
      'incidentAcknowledge body.note reported',
      'incidentBreachFlag body.note reported',
      'incidentBreachNotified body.note reported',
      'incidentBreachWithdraw body.note reported',
      'incidentContain body.note reported',
      'incidentNote body.note reported',
      'incidentOpen body.note reported',
      'incidentOpen body.title reported',
      'incidentReopen body.note reported',
      'incidentResolve body.note reported',
      'incidentSeverityChange body.note reported',
      'invitationAccept body.password unseen',
      'login body.password unseen',
      'mfaVerify body.assertion unseen',
      'oidcCallback query.code unseen',
      'oidcCallback query.error reported',
      'oidcCallback query.error_description reported',
      'oidcCallback query.error_uri reported',
      'oidcCallback query.iss unseen',
      'passkeyAdd body.attestation unseen',
      'passwordChange body.currentPassword unseen',
      'passwordChange body.newPassword unseen',
      'passwordReset body.newPassword unseen',
      'sessionCreate body.password unseen',
      'sessionVerify body.assertion unseen',
      'siemDestinationChange body.secret unseen',
      'siemDestinationCreate body.secret unseen',
      'stepUp body.assertion unseen',
      'stepUp body.password unseen',
      'subjectReveal body.reason reported',
      'userReveal body.reason reported',
      'valtronics/devices/{deviceId}/responses/{requestId} body reported',
      'valtronics/{deviceId}/response body reported',
    ]);
  });

  it('nothing that is not there is left unread: each names a field of its endpoint', () => {
    const fieldsOf = (schema: unknown): string[] =>
      schema instanceof z.ZodUnion
        ? schema.options.flatMap(fieldsOf)
        : schema instanceof z.ZodObject
          ? Object.keys(schema.shape)
          : [];
    const stray = named.flatMap(([name, endpoint]) =>
      (endpoint.inspection ?? [])
        .map(({ field }) => [field, ...field.split('.')] as const)
        .filter(([, part, inner]) => !fieldsOf(endpoint[part as 'body' | 'query']).includes(inner ?? ''))
        .map(([field]) => `${name} ${field}`),
    );
    // Providers add these; the endpoint passes over them.
    expect(stray).toEqual(['oidcCallback query.error_description', 'oidcCallback query.error_uri']);
  });

  it('every topic is for devices, every stream for somebody who has proven who they are', () => {
    expect(topics.filter(({ access }) => access.kind !== 'device')).toEqual([]);
    expect(streams.filter(({ access }) => access.kind === 'open')).toEqual([]);
  });

  it('every reason is a sentence somebody can argue with', () => {
    const reasons = named.flatMap(([, { access, audit }]) => [
      ...(access.kind === 'open' ? [access.why] : []),
      ...(audit.kind === 'unaudited' ? [audit.why] : []),
    ]);
    expect(reasons.filter((reason) => reason.length < 10)).toEqual([]);
  });
});
