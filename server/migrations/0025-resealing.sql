-- A rotation seals every value again under the new key epoch. It is the work of the maintenance role, which for that may change the sealed columns
-- and nothing beside them.
grant select (id, organisation_id, user_id, secret_sealed, public_key_sealed), update (secret_sealed, public_key_sealed) on factors to valtronics_maintenance;
grant select (id, organisation_id, client_secret_sealed), update (client_secret_sealed) on identity_providers to valtronics_maintenance;
grant update (secret_sealed) on challenges, refresh_families, notification_channels to valtronics_maintenance;
grant update (secrets_sealed) on departures to valtronics_maintenance;
grant update (secret_sealed, client_key_sealed) on siem_destinations to valtronics_maintenance;
grant update (private_sealed) on audit_keys, device_authorities to valtronics_maintenance;
