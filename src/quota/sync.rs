//! The atomics, the mutex and the published slot that this room is built on: the real ones, or
//! loom's, so that the model checker runs the very code that serves.

#[cfg(not(feature = "loom"))]
mod real {
    pub use parking_lot::Mutex;
    pub use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

    use std::ops::Deref;
    use std::sync::Arc;

    use arc_swap::ArcSwap;

    /// Waits for as long as another thread needs for a few updates.
    pub fn pause() {
        const SPINS: u32 = 16;
        (0..SPINS).for_each(|_| std::hint::spin_loop());
    }

    /// Holds one published value; readers never wait for the writer.
    pub struct Slot<T>(ArcSwap<T>);

    impl<T> Slot<T> {
        pub fn new(value: T) -> Self {
            Self(ArcSwap::from_pointee(value))
        }

        pub fn load(&self) -> impl Deref<Target = Arc<T>> {
            self.0.load()
        }

        pub fn store(&self, value: Arc<T>) {
            self.0.store(value);
        }
    }
}

#[cfg(feature = "loom")]
mod modelled {
    pub use loom::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

    use std::ops::Deref;
    use std::sync::Arc;

    /// Other threads go on between any two steps here: there is nothing to wait for.
    pub fn pause() {}

    /// A mutex that cannot be poisoned, as the real one.
    pub struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub fn try_lock(&self) -> Option<loom::sync::MutexGuard<'_, T>> {
            self.0.try_lock().ok()
        }

        pub fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().expect("a model's thread panicked")
        }
    }

    /// Holds one published value.
    pub struct Slot<T>(Mutex<Arc<T>>);

    impl<T> Slot<T> {
        pub fn new(value: T) -> Self {
            Self(Mutex::new(Arc::new(value)))
        }

        pub fn load(&self) -> impl Deref<Target = Arc<T>> {
            Loaded(self.0.lock().clone())
        }

        pub fn store(&self, value: Arc<T>) {
            *self.0.lock() = value;
        }
    }

    struct Loaded<T>(Arc<T>);

    impl<T> Deref for Loaded<T> {
        type Target = Arc<T>;

        fn deref(&self) -> &Arc<T> {
            &self.0
        }
    }
}

#[cfg(feature = "loom")]
pub use modelled::*;
#[cfg(not(feature = "loom"))]
pub use real::*;
