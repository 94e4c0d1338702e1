/** Web Locks as all tabs of one browser share them; each `tab()` is the `navigator.locks` of one tab. */
export class FakeLocks {
  private readonly held = new Map<string, number>();

  tab() {
    return {
      request: async (name: string, ...rest: unknown[]): Promise<unknown> => {
        const act = rest[rest.length - 1] as (lock: { name: string } | null) => unknown;
        const { ifAvailable = false, mode = "exclusive" } = (rest.length > 1 ? rest[0] : {}) as LockOptions;
        if (ifAvailable && this.held.has(name)) return act(null);
        while (mode === "exclusive" && this.held.has(name)) await new Promise((later) => setTimeout(later, 1));
        this.held.set(name, (this.held.get(name) ?? 0) + 1);
        try {
          return await act({ name });
        } finally {
          const left = (this.held.get(name) ?? 1) - 1;
          if (left > 0) this.held.set(name, left);
          else this.held.delete(name);
        }
      },
      query: () => Promise.resolve({ held: [...this.held.keys()].map((name) => ({ name })) }),
    };
  }
}
