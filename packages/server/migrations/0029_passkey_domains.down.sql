drop index latchkey.passkey_credentials_domain;
