/**
 * Forward-only migrations: `migrations/NNNN_name.sql`, numbered without gaps, each applied once in its own transaction with the hash
 * of its text. A database whose record differs from the files is refused: what it holds can be rebuilt.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError, sha256 } from '@lab/sdk';
import type { Database } from 'better-sqlite3';

interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sha256: string;
  readonly sql: string;
}

const MIGRATIONS = join(import.meta.dirname, 'migrations');
const RECORD = `CREATE TABLE IF NOT EXISTS migrations (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  sha256 TEXT NOT NULL
) STRICT`;

export function migrations(dir = MIGRATIONS): Migration[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name, index) => {
      const number = Number(/^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1]);
      if (number !== index + 1) {
        throw new LabError('internal', `migration ${name} is out of order`, { at: join(dir, name) });
      }
      const sql = readFileSync(join(dir, name), 'utf8');
      return { number, name, sha256: sha256(sql), sql };
    });
}

export function migrate(database: Database, all = migrations()): void {
  database.exec(RECORD);
  const done = database.prepare('SELECT number, name, sha256 FROM migrations ORDER BY number').all() as Migration[];
  for (const [index, { name, sha256: hash }] of done.entries()) {
    if (all[index]?.sha256 !== hash) {
      throw new LabError('corrupt', `the database was made by another version of migration ${name}`, { at: name });
    }
  }
  const record = database.prepare('INSERT INTO migrations (number, name, sha256) VALUES (?, ?, ?)');
  for (const { number, name, sha256: hash, sql } of all.slice(done.length)) {
    database.transaction(() => {
      database.exec(sql);
      record.run(number, name, hash);
    })();
  }
}
