-- What makes history provable: where an attempt was sent, what ended it, which payment belongs to which row, and how far
-- each gateway's list is known. Every statement can be run again after it was killed; the columns are added in place.

-- +goose Up

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'payment_attempts' AND column_name = 'account_id') = 0,
  'ALTER TABLE payment_attempts
     ADD COLUMN account_id INT UNSIGNED NULL,
     ADD COLUMN key_life_ms BIGINT NULL,
     ADD COLUMN longest_request_ms BIGINT NULL,
     ADD COLUMN sent_by DATETIME(6) NULL,
     ADD COLUMN proof VARCHAR(20) NULL,
     ADD COLUMN reopened_at DATETIME(6) NULL,
     ADD COLUMN patience VARCHAR(512) NULL,
     ALGORITHM=INSTANT',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- What look-ups of the order's payments have brought that decides nothing, by payment.
-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'order_checks' AND column_name = 'patience') = 0,
  'ALTER TABLE order_checks ADD COLUMN patience TEXT NULL, ALGORITHM=INSTANT',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- How many days after the first decline each further try comes, as they were configured then; NULL: as today.
-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'invoices' AND column_name = 'retry_days') = 0,
  'ALTER TABLE invoices ADD COLUMN retry_days VARCHAR(255) NULL, ALGORITHM=INSTANT',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- The newest answers of one gateway. Claims go on while it is made.
-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.statistics
   WHERE table_schema = DATABASE() AND table_name = 'payment_attempts' AND index_name = 'by_gateway') = 0,
  'ALTER TABLE payment_attempts ADD KEY by_gateway (gateway, created_at), ALGORITHM=INPLACE, LOCK=NONE',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- A provider account at an address. One that was joined counts as the account that it was joined to. listed_to is the
-- mark: every charge that the gateway lists from listed_from up to then is known here.
CREATE TABLE IF NOT EXISTS gateway_accounts (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  gateway VARCHAR(32) NOT NULL,
  address VARCHAR(255) NOT NULL,
  account VARCHAR(64) NOT NULL DEFAULT '',
  joined_to INT UNSIGNED NULL,
  key_prefix VARCHAR(16) NULL,
  listed_from DATETIME(6) NULL,
  listed_to DATETIME(6) NULL,
  listed_at DATETIME(6) NULL,
  created_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  UNIQUE KEY once (gateway, address, account)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Payments that an operator has shown to be ours, by which a gateway is checked where duly has none of its own.
CREATE TABLE IF NOT EXISTS gateway_controls (
  account_id INT UNSIGNED NOT NULL,
  gateway_payment_id VARCHAR(255) NOT NULL,
  idempotency_key VARCHAR(64) NOT NULL,
  reference VARCHAR(255) NOT NULL,
  customer_id VARCHAR(64) NOT NULL,
  amount BIGINT NOT NULL,
  currency CHAR(3) NOT NULL,
  charged_at DATETIME(6) NOT NULL,
  created_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (account_id, gateway_payment_id),
  KEY by_time (account_id, charged_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- One payment of a gateway belongs to one row: kind is attempt or payment, row_id its id. proof says what showed the
-- account to have an order's payment: look_up, operator, or NULL for nothing but the shop's word; an attempt has its own.
CREATE TABLE IF NOT EXISTS bookings (
  account_id INT UNSIGNED NOT NULL,
  gateway_payment_id VARCHAR(255) NOT NULL,
  kind VARCHAR(8) NOT NULL,
  row_id BIGINT UNSIGNED NOT NULL,
  proof VARCHAR(20) NULL,
  PRIMARY KEY (account_id, gateway_payment_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Charges under a key of ours that a gateway lists and that no attempt here accounts for. Until one is adopted, its
-- gateway sends nothing and its period is charged nowhere.
CREATE TABLE IF NOT EXISTS unknown_charges (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  account_id INT UNSIGNED NOT NULL,
  gateway VARCHAR(32) NOT NULL,
  idempotency_key VARCHAR(64) NOT NULL,
  reference VARCHAR(255) NOT NULL,
  gateway_payment_id VARCHAR(255) NOT NULL,
  record JSON NOT NULL,
  run_id BIGINT UNSIGNED NULL,
  seen_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  adopted_at DATETIME(6) NULL,
  adopted_as VARCHAR(20) NULL,
  UNIQUE KEY once (account_id, idempotency_key, gateway_payment_id),
  KEY by_reference (reference, adopted_at),
  KEY open_walk (adopted_at, id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The database servers that this schema was used on. One that nobody confirmed may hold a restored or older copy, and so
-- may one that was suspected since: requests of the history that was lost may arrive for a while from then on.
CREATE TABLE IF NOT EXISTS known_servers (
  server VARCHAR(64) NOT NULL PRIMARY KEY,
  seen_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  confirmed_at DATETIME(6) NULL,
  confirmed_by VARCHAR(191) NULL,
  suspected_at DATETIME(6) NULL,
  suspicion VARCHAR(255) NULL
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Rows that runs left because the database failed on them for a reason that is not the row's own.
CREATE TABLE IF NOT EXISTS row_failures (
  kind VARCHAR(16) NOT NULL,
  row_id BIGINT UNSIGNED NOT NULL,
  runs INT NOT NULL DEFAULT 1,
  run_id BIGINT UNSIGNED NOT NULL,
  reason VARCHAR(255) NOT NULL,
  first_seen_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  last_seen_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (kind, row_id),
  KEY by_time (last_seen_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Down

DROP TABLE IF EXISTS row_failures;
DROP TABLE IF EXISTS known_servers;
DROP TABLE IF EXISTS unknown_charges;
DROP TABLE IF EXISTS bookings;
DROP TABLE IF EXISTS gateway_controls;
DROP TABLE IF EXISTS gateway_accounts;

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'payment_attempts' AND column_name = 'account_id') > 0,
  'ALTER TABLE payment_attempts DROP KEY by_gateway, DROP COLUMN patience, DROP COLUMN reopened_at, DROP COLUMN proof, DROP COLUMN sent_by, DROP COLUMN longest_request_ms,
     DROP COLUMN key_life_ms, DROP COLUMN account_id',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'invoices' AND column_name = 'retry_days') > 0,
  'ALTER TABLE invoices DROP COLUMN retry_days',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'order_checks' AND column_name = 'patience') > 0,
  'ALTER TABLE order_checks DROP COLUMN patience',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;
