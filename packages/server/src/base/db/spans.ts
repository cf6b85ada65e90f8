/** How transactions and statements are reported, for traces: by their texts, never by their values. */

export interface ObservedWork {
  /** @param error what it has failed with; absent: it succeeded */
  end(error?: unknown): void
}

export interface DatabaseSpans {
  /** A statement outside of a transaction begins; null: it is not observed. */
  statement(text: string): ObservedWork | null
  /** A transaction begins, before it has a connection; null: neither it nor its statements are observed. */
  transaction(): ObservedTransaction | null
}

export interface ObservedTransaction extends ObservedWork {
  statement(text: string): ObservedWork | null
}
