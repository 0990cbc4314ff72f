//! Parallel and Map states, and the iterations of a Map: what is inside of what.

/// The place of a scope among all.
pub(super) type ScopeId = usize;

/// What is in no Parallel and no Map.
pub(super) const ROOT: ScopeId = 0;

/// All scopes that ever began.
pub(super) struct Scopes(Vec<Scope>);

struct Scope {
    parent: ScopeId,
    kind: Kind,
    has_ended: bool,
}

enum Kind {
    Execution,
    /// A Parallel or a Map, which was entered with this event.
    FanOut {
        entered: u64,
    },
    Iteration,
}

impl Default for Scopes {
    fn default() -> Self {
        Self(vec![Scope { parent: ROOT, kind: Kind::Execution, has_ended: false }])
    }
}

impl Scopes {
    /// Begins a Parallel or Map.
    pub(super) fn begin(&mut self, parent: ScopeId, entered: u64) -> ScopeId {
        self.push(parent, Kind::FanOut { entered })
    }

    /// Begins an iteration of a Map.
    pub(super) fn begin_iteration(&mut self, map: ScopeId) -> ScopeId {
        self.push(map, Kind::Iteration)
    }

    fn push(&mut self, parent: ScopeId, kind: Kind) -> ScopeId {
        self.0.push(Scope { parent, kind, has_ended: false });
        self.0.len() - 1
    }

    /// Ends one; of the execution, all that is in it.
    pub(super) fn end(&mut self, ended: ScopeId) {
        if ended == ROOT {
            self.0.iter_mut().skip(1).for_each(|scope| scope.has_ended = true);
        } else if let Some(scope) = self.0.get_mut(ended) {
            scope.has_ended = true;
        }
    }

    /// What is around one.
    pub(super) fn parent(&self, scope: ScopeId) -> ScopeId {
        self.0.get(scope).map_or(ROOT, |scope| scope.parent)
    }

    /// The innermost Parallel or Map around a place that has not ended.
    pub(super) fn open_around(&self, place: ScopeId) -> Option<ScopeId> {
        self.outwards(place).find(|scope| {
            let scope = &self.0[*scope];
            matches!(scope.kind, Kind::FanOut { .. }) && !scope.has_ended
        })
    }

    /// The innermost iteration around a place.
    pub(super) fn iteration_around(&self, place: ScopeId) -> Option<ScopeId> {
        self.outwards(place)
            .find(|scope| matches!(self.0[*scope].kind, Kind::Iteration) && !self.0[*scope].has_ended)
    }

    /// The last Parallel or Map that was entered with an event.
    pub(super) fn begun_at(&self, event: u64) -> Option<ScopeId> {
        self.0.iter().rposition(|scope| matches!(scope.kind, Kind::FanOut { entered } if entered == event))
    }

    /// Whether a place is `scope`, or inside of it.
    pub(super) fn holds(&self, scope: ScopeId, place: ScopeId) -> bool {
        scope == ROOT || self.outwards(place).any(|around| around == scope)
    }

    /// A place and all that is around it, without the execution. A parent always began before what is in it.
    fn outwards(&self, place: ScopeId) -> impl Iterator<Item = ScopeId> {
        let known = Some(place).filter(|place| *place != ROOT && *place < self.0.len());
        std::iter::successors(known, |scope| Some(self.0[*scope].parent).filter(|parent| *parent != ROOT))
    }
}
