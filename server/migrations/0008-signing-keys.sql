-- Signing keys pass through stages (next, active, retiring, retired), and a proof of possession (DPoP) is taken once.

alter table signing_keys
  drop constraint signing_keys_algorithm_check,
  add constraint signing_keys_algorithm_check check (algorithm in ('ES256', 'EdDSA')),
  add column activated_at timestamptz,
  -- When the last token it can have signed has ended.
  add column retires_at timestamptz,
  -- Of a retired key the private half is gone for good.
  alter column private_sealed drop not null;
update signing_keys set activated_at = created_at where status = 'active';
alter table signing_keys
  add constraint signing_keys_private_half check ((status = 'retired') = (private_sealed is null)),
  add constraint signing_keys_stage check (
    (status <> 'active' or activated_at is not null) and (status <> 'retiring' or retires_at is not null));
create unique index signing_keys_next on signing_keys (status) where status = 'next';

-- The key a token client proved at sign-in (RFC 7638 thumbprint); its refresh tokens are good with a proof of that key only.
alter table refresh_families add column dpop_thumbprint text check (length(dpop_thumbprint) = 43);

-- Instance-wide: proofs taken already, by the hash of key and id, until they are too old to be shown again (RFC 9449, 11.1). The server
-- can add to it and not even read it.
create table dpop_proofs (
  proof_hash bytea primary key check (length(proof_hash) = 32),
  expires_at timestamptz not null
);
create index dpop_proofs_expiry on dpop_proofs (expires_at);
grant insert on dpop_proofs to valtronics_server;
grant select, delete on dpop_proofs to valtronics_maintenance;
