-- The authority for devices, their certificates, what was revoked of them, and claims of devices to come.

-- Instance-wide: one authority; a certificate belongs to an organisation by its row, not by who signed it. Nobody but the maintenance
-- role reads the sealed key, once, at the start.
create table device_authorities (
  id uuid primary key,
  certificate_pem text not null check (length(certificate_pem) <= 16384),
  private_sealed bytea not null,
  status text not null check (status in ('active', 'retired')),
  created_at timestamptz not null default now()
);
create unique index device_authorities_active on device_authorities (status) where status = 'active';
grant select, insert on device_authorities to valtronics_maintenance;

create table device_certificates (
  id uuid primary key,
  organisation_id integer not null references organisations,
  device_id uuid not null references devices on delete cascade,
  label text check (length(label) <= 120),
  serial text not null unique check (length(serial) <= 40),
  fingerprint bytea not null unique check (length(fingerprint) = 32),
  key_type text not null check (key_type in ('P-256', 'P-384', 'Ed25519', 'RSA')),
  not_before timestamptz not null,
  not_after timestamptz not null,
  renewed_from uuid references device_certificates on delete set null,
  created_at timestamptz not null,
  revoked_at timestamptz,
  last_used_at timestamptz,
  check (not_before < not_after)
);
create index device_certificates_device on device_certificates (device_id, created_at desc);
create index device_certificates_renewed_from on device_certificates (renewed_from);
create index device_certificates_expiry on device_certificates (not_after);
call own_by_organisation('device_certificates');
call show_to_viewers('device_certificates', 'device_id');
grant select, insert, update on device_certificates to valtronics_server;
grant select, delete, update (last_used_at) on device_certificates to valtronics_maintenance;

-- What the revocation list says. It outlives the device: a certificate of a deleted one is revoked, not forgotten. Serial numbers are
-- random and published, so there is nothing here that belongs to an organisation.
create table device_certificate_revocations (
  serial text primary key check (length(serial) <= 40),
  revoked_at timestamptz not null,
  not_after timestamptz not null
);
grant select, delete on device_certificate_revocations to valtronics_maintenance;

create function list_revoked_certificate() returns trigger
  language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if tg_op = 'DELETE' and old.not_after > now() then
    insert into device_certificate_revocations values (old.serial, coalesce(old.revoked_at, now()), old.not_after)
      on conflict do nothing;
  elsif tg_op = 'UPDATE' and new.revoked_at is not null then
    insert into device_certificate_revocations values (new.serial, new.revoked_at, new.not_after) on conflict do nothing;
  end if;
  return null;
end $$;
revoke execute on function list_revoked_certificate() from public;
create trigger list_revoked after delete or update of revoked_at on device_certificates
  for each row execute function list_revoked_certificate();

create table device_claims (
  id uuid primary key,
  -- Made together: the audit log names the batch where it was made and where each of it was used.
  batch_id uuid not null,
  organisation_id integer not null references organisations,
  token_hash bytea not null unique check (length(token_hash) = 32),
  device_type text not null check (length(device_type) <= 64),
  name_prefix text not null check (length(name_prefix) between 1 and 80),
  created_at timestamptz not null,
  expires_at timestamptz not null,
  -- Used by a device, or withdrawn.
  ended_at timestamptz
);
create index device_claims_open on device_claims (organisation_id, id desc) where ended_at is null;
create index device_claims_expiry on device_claims (expires_at);
call own_by_organisation('device_claims');
grant select, insert, update on device_claims to valtronics_server;
grant select, delete on device_claims to valtronics_maintenance;

create function find_device_certificate(wanted_fingerprint bytea)
  returns table (credential_id uuid, device_id uuid, organisation_id integer, device_type text, expires_at timestamptz)
  language sql stable security definer set search_path = public, pg_temp as $$
  select c.id, c.device_id, c.organisation_id, d.type, c.not_after
  from device_certificates c join devices d on d.id = c.device_id and d.organisation_id = c.organisation_id
  where c.fingerprint = wanted_fingerprint and c.revoked_at is null $$;

create function find_device_claim(wanted_hash bytea)
  returns table (claim_id uuid, batch_id uuid, organisation_id integer, organisation_public_id uuid, device_type text, name_prefix text,
                 expires_at timestamptz)
  language sql stable security definer set search_path = public, pg_temp as $$
  select c.id, c.batch_id, c.organisation_id, o.public_id, c.device_type, c.name_prefix, c.expires_at
  from device_claims c join organisations o on o.id = c.organisation_id
  where c.token_hash = wanted_hash and c.ended_at is null $$;

revoke execute on function find_device_certificate(bytea), find_device_claim(bytea) from public;
grant execute on function find_device_certificate(bytea), find_device_claim(bytea) to valtronics_server;
