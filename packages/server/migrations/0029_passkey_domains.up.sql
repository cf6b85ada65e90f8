-- expand 0.1
-- Whether any passkey of a domain exists: the sign-in page asks that where users cannot add passkeys.
create index passkey_credentials_domain on latchkey.passkey_credentials (rp_id) where flagged_at is null;
