drop table latchkey.failures, latchkey.devices, latchkey.attempts, latchkey.sessions;
