drop table latchkey.refresh_tokens, latchkey.token_families, latchkey.revocations, latchkey.signing_keys;
