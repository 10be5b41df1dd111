/**
 * Columns that need no protection beyond who may read the row: ids, times, counts, states, names of things and keys that are public by
 * nature. Whoever adds a column decides whether it is one of these or stands in the catalogue.
 */
const columns: Readonly<Record<string, string>> = {
  account_mails: 'id organisation_id attempts due_at expires_at',
  alert_events: 'id organisation_id alert_id at kind by_user subject_id',
  alert_rule_changes: 'organisation_id revision',
  alert_rules:
    'id organisation_id name device_id device_type metric condition threshold per_seconds clear_threshold for_seconds severity cooldown_seconds enabled revision created_at updated_at',
  alert_silences: 'rule_id device_id organisation_id rule_revision last_received_at silent alert_id',
  alert_states: 'rule_id device_id organisation_id rule_revision version alert_id subject_id',
  alert_watch: 'one last_scan_at',
  alerts:
    'id organisation_id type rule_id device_id metric severity status threshold started_at raised_at acknowledged_at acknowledged_by resolved_at resolved_by subject_id',
  allow_list: 'id organisation_id created_at created_by',
  api_key_device_groups: 'key_id group_id organisation_id',
  api_keys:
    'id organisation_id owner_id creator_id label permissions networks device_scope created_at expires_at last_used_at revoked_at certificate_sha256 reminded_at',
  audit_checkpoints: 'tree size note signed_at',
  audit_events: 'id organisation_id at event outcome actor_kind actor_id resource_kind resource_id request_id',
  audit_keys: 'id name public_key status created_at',
  audit_leaves: 'tree position hash event_id',
  audit_pending: 'event_id organisation_id',
  audit_salts: 'event_id',
  audit_tiles: 'tree level number hashes root',
  audit_trees: 'id organisation_id origin created_at',
  backup_runs: 'number kind place backup scheduled started_at seen_at bytes ended_at outcome deleted_at',
  blocks:
    'id scope created_at expires_at lifted_at lifted_by organisation_id kind origin simulated scenario detection_id nth created_by grace_until number',
  bouncers: 'id organisation_id name created_at created_by last_seen_at',
  challenges: 'organisation_id user_id session_id purpose session_kind spent_at expires_at',
  custom_roles: 'organisation_id name description permissions requires_factor created_at updated_at',
  data_keys: 'epoch organisation_id created_at',
  departures: 'organisation_id provider_id link_user_id link_session_id fresh created_at expires_at',
  detection_progress: 'singleton position',
  detection_scenarios: 'organisation_id id simulated changed_at changed_by',
  detections:
    'id at organisation_id scenario severity technique scope first_at last_at count events simulated answered_at',
  device_authorities: 'id certificate_pem status created_at',
  device_certificate_revocations: 'serial revoked_at not_after',
  device_certificates:
    'id organisation_id device_id label serial fingerprint key_type not_before not_after renewed_from created_at revoked_at last_used_at',
  device_claims: 'id batch_id organisation_id device_type name_prefix created_at expires_at ended_at',
  device_commands: 'id organisation_id device_id name status created_by created_at sent_at finished_at timeout_seconds',
  device_cookies: 'failures created_at expires_at',
  device_credentials: 'id organisation_id device_id label created_at expires_at revoked_at last_used_at',
  device_events: 'id organisation_id device_id at kind status reason',
  device_group_devices: 'group_id device_id organisation_id',
  device_groups: 'id organisation_id name created_at',
  devices:
    'id organisation_id owner_id name type status status_since health silence_timeout_seconds last_seen_at created_at updated_at',
  dpop_proofs: 'expires_at',
  erasures: 'subject_id organisation_id erased_at erased_by unreadable_from certificate',
  factors: 'id organisation_id user_id kind counter last_step created_at last_used_at transports backed_up',
  guess_accounts: 'failures last_failed_at',
  guess_attempts: 'id at state factor',
  identity_providers:
    'id organisation_id slug name issuer client_id groups_scope groups_claim default_role manages_role jit_enabled email_domains trusts_second_factor accepted_acr accepted_amr max_auth_age_seconds enabled listed created_at updated_at',
  incident_detections:
    'detection_id incident_id organisation_id at scenario name family severity technique scope first_at last_at count events',
  incident_entries: 'id incident_id organisation_id at kind by_user',
  incidents:
    'id organisation_id severity status scope opened_at opened_by opened_by_hand first_at last_at detections events owner_id acknowledged_at contained_at resolved_at breach_flagged_at breach_flagged_by breach_aware_at breach_due_at breach_reminders breach_reminded_at breach_notified_at breach_notified_by',
  invitations: 'id organisation_id user_id role created_at expires_at accepted_at',
  key_epochs: 'epoch status created_at replaced_at retired_at',
  key_stores: 'id created_at replaced_at',
  last_places: 'credential seen_at',
  linked_identities: 'id organisation_id user_id provider_id issuer created_account created_at last_used_at',
  linked_identity_indexes: 'organisation_id identity_id',
  measured_changes: 'id organisation_id device_id subject_id erased changed_at',
  notification_channels: 'id organisation_id name kind minimum_severity enabled created_at last_delivered_at',
  notification_outbox:
    'id place organisation_id channel_id alert_id idempotency_key status attempts next_attempt_at created_at finished_at',
  organisations: 'id public_id name retention_days created_at operates_instance personal_data_policy',
  password_resets: 'id organisation_id user_id created_at expires_at used_at',
  person_device_groups: 'user_id group_id organisation_id',
  point_ids: 'device_id organisation_id ts created_at',
  points: 'series_id organisation_id ts chunk subject_id',
  provider_sessions: 'session_id organisation_id identity_id',
  recovery_codes: 'user_id organisation_id created_at used_at',
  refresh_families: 'session_id organisation_id generation rotated_at dpop_thumbprint',
  refresh_tokens: 'session_id organisation_id generation',
  refused_tokens: 'device_id failures since last_at',
  rollups_1h: 'series_id organisation_id bucket count subject_id',
  rollups_1m: 'series_id organisation_id bucket count subject_id',
  schema_migrations: 'number name sha256 applied_at',
  security_events:
    'position id at organisation_id category action outcome level transport user_id device_id method route status request_id count',
  series: 'id organisation_id device_id metric value_type unit health created_at',
  series_latest: 'series_id organisation_id first_ts ts',
  series_purges: 'series_id organisation_id requested_at',
  series_sealings: 'series_id organisation_id requested_at sealed_points passed',
  session_caches: 'place namespace used_at',
  session_changes: 'transaction noted_at',
  sessions:
    'id organisation_id user_id kind created_at last_seen_at idle_expires_at absolute_expires_at verified_at revoked_at revoked_reason factor',
  siem_destinations:
    'id organisation_id name kind format batch index_name server_name ca client_certificate enabled created_at revision settled_position sent_position last_delivered_at last_error_at next_attempt_at refused_events missed_until',
  signing_keys: 'kid algorithm status created_at retired_at activated_at retires_at',
  subject_assignments: 'id organisation_id subject_id device_id',
  subjects: 'id organisation_id created_at registered_by',
  suspicious_addresses: 'attempts first_at last_at',
  telemetry_consumers: 'consumer holder',
  telemetry_journal: 'id at points',
  telemetry_pending: 'consumer journal_id retry_at',
  used_logout_tokens: 'provider_id organisation_id expires_at',
  users:
    'id organisation_id role status authorization_version created_at updated_at last_sign_in_at must_change_password kind device_scope',
};

export const publicColumns: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(columns).map(([table, names]) => [table, names.split(' ')]),
);
