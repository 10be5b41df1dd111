-- Where security events are delivered to, and how far each has been told.

create table siem_destinations (
  id uuid primary key,
  organisation_id integer not null references organisations,
  name text not null check (length(name) between 1 and 120),
  kind text not null check (kind in ('syslog_tls', 'https', 'splunk_hec', 'elasticsearch_bulk', 'file')),
  format text not null check (format in ('ecs', 'ocsf', 'cef')),
  target text not null check (length(target) between 1 and 500),
  batch text not null check (batch in ('array', 'lines')),
  index_name text check (length(index_name) <= 100),
  server_name text check (length(server_name) <= 253),
  ca text check (length(ca) <= 32768),
  client_certificate text check (length(client_certificate) <= 32768),
  client_key_sealed bytea,
  secret_sealed bytea,
  enabled boolean not null,
  created_at timestamptz not null,
  -- One more with every change and every request to deliver again: whoever delivers under an older one stops and writes nothing more.
  revision integer not null default 1,
  -- Of security_events. Everything up to `settled_position` has arrived; delivery goes on behind it after a restart. What lies between the
  -- two was handed to a receiver that acknowledges nothing, and is sent again after a break.
  settled_position bigint not null,
  sent_position bigint not null,
  last_delivered_at timestamptz,
  last_error text check (length(last_error) <= 300),
  last_error_at timestamptz,
  next_attempt_at timestamptz,
  refused_events bigint not null default 0,
  missed_until timestamptz,
  check (sent_position >= settled_position),
  check (kind not in ('https', 'splunk_hec', 'elasticsearch_bulk') or secret_sealed is not null)
);
create index siem_destinations_organisation on siem_destinations (organisation_id, lower(name), id);
call own_by_organisation('siem_destinations');
grant select, insert, update, delete on siem_destinations to valtronics_server;
grant select, update (settled_position, sent_position, last_delivered_at, last_error, last_error_at, next_attempt_at, refused_events,
  missed_until) on siem_destinations to valtronics_maintenance;
