//! What the requests look like, field by field, in the versions that are taken. Kafka's own descriptions have the names of
//! all of them; here they are in the comments.

use super::shape::Field;
use super::shape::Shape::{Bytes, Fixed, List, Struct, Structs, Tagged, Text};

pub(super) const PRODUCE: &[Field] = &[
    Text.always(),     // transactional id
    Fixed(6).always(), // acks, timeout
    Structs(&[
        Text.always(), // topic
        Structs(&[
            Fixed(4).always(), // partition
            Bytes.always(),    // records
        ])
        .always(),
    ])
    .always(),
];

pub(super) const FETCH: &[Field] = &[
    Fixed(17).always(), // replica id, max wait, min bytes, max bytes, isolation level
    Fixed(8).since(7),  // session id, session epoch
    Structs(&[
        Text.always(), // topic
        Structs(&[
            Fixed(4).always(),  // partition
            Fixed(4).since(9),  // current leader epoch
            Fixed(8).always(),  // fetch offset
            Fixed(4).since(12), // last fetched epoch
            Fixed(8).since(5),  // log start offset
            Fixed(4).always(),  // max bytes
        ])
        .always(),
    ])
    .always(),
    Structs(&[
        Text.always(),            // forgotten topic
        List(&Fixed(4)).always(), // its partitions
    ])
    .since(7),
    Text.since(11),             // rack
    Tagged(0, &Text).since(12), // cluster id
];

pub(super) const LIST_OFFSETS: &[Field] = &[
    Fixed(4).always(), // replica id
    Fixed(1).since(2), // isolation level
    Structs(&[
        Text.always(), // topic
        Structs(&[
            Fixed(4).always(), // partition
            Fixed(4).since(4), // current leader epoch
            Fixed(8).always(), // timestamp
        ])
        .always(),
    ])
    .always(),
];

pub(super) const METADATA: &[Field] = &[
    Structs(&[Text.always()]).always(), // topics
    Fixed(1).since(4),                  // whether they may be created
    Fixed(2).since(8),                  // whether the permissions for the cluster, and for the topics, are wanted
];

pub(super) const OFFSET_COMMIT: &[Field] = &[
    Text.always(),          // group
    Fixed(4).always(),      // generation
    Text.always(),          // member
    Text.since(7),          // instance
    Fixed(8).between(2, 4), // how long to keep it
    Structs(&[
        Text.always(), // topic
        Structs(&[
            Fixed(12).always(), // partition, offset
            Fixed(4).since(6),  // leader epoch
            Text.always(),      // metadata
        ])
        .always(),
    ])
    .always(),
];

pub(super) const OFFSET_FETCH: &[Field] = &[
    Text.always(), // group
    Structs(&[
        Text.always(),            // topic
        List(&Fixed(4)).always(), // partitions
    ])
    .always(),
    Fixed(1).since(7), // whether offsets have to be stable
];

pub(super) const FIND_COORDINATOR: &[Field] = &[
    Text.always(),     // key
    Fixed(1).since(1), // of what
];

pub(super) const JOIN_GROUP: &[Field] = &[
    Text.always(),     // group
    Fixed(4).always(), // session timeout
    Fixed(4).since(1), // rebalance timeout
    Text.always(),     // member
    Text.since(5),     // instance
    Text.always(),     // type of protocol
    Structs(&[
        Text.always(),  // protocol
        Bytes.always(), // metadata
    ])
    .always(),
];

pub(super) const SYNC_GROUP: &[Field] = &[
    Text.always(),     // group
    Fixed(4).always(), // generation
    Text.always(),     // member
    Text.since(3),     // instance
    Structs(&[
        Text.always(),  // member
        Bytes.always(), // assignment
    ])
    .always(),
];

pub(super) const HEARTBEAT: &[Field] = &[
    Text.always(),     // group
    Fixed(4).always(), // generation
    Text.always(),     // member
    Text.since(3),     // instance
];

pub(super) const LEAVE_GROUP: &[Field] = &[
    Text.always(),      // group
    Text.between(0, 2), // member
    Structs(&[
        Text.always(), // member
        Text.always(), // instance
    ])
    .since(3),
];

pub(super) const DESCRIBE_GROUPS: &[Field] = &[
    List(&Text).always(), // groups
    Fixed(1).since(3),    // whether the permissions are wanted
];

pub(super) const LIST_GROUPS: &[Field] = &[];

pub(super) const API_VERSIONS: &[Field] = &[
    Text.since(3), // the client's library
    Text.since(3), // its version
];

pub(super) const CREATE_TOPICS: &[Field] = &[
    Structs(&[
        Text.always(),     // topic
        Fixed(6).always(), // partitions, replicas
        Structs(&[
            Fixed(4).always(),        // partition
            List(&Fixed(4)).always(), // brokers
        ])
        .always(),
        Structs(&[
            Text.always(), // name of a setting
            Text.always(), // its value
        ])
        .always(),
    ])
    .always(),
    Fixed(5).always(), // timeout, whether only to look if it would do
];

pub(super) const DELETE_TOPICS: &[Field] = &[
    List(&Text).always(), // topics
    Fixed(4).always(),    // timeout
];

pub(super) const INIT_PRODUCER_ID: &[Field] = &[
    Text.always(),     // transactional id
    Fixed(4).always(), // timeout of a transaction
];

pub(super) const OFFSET_FOR_LEADER_EPOCH: &[Field] = &[
    Fixed(4).since(3), // replica id
    Structs(&[
        Text.always(), // topic
        Structs(&[
            Fixed(12).always(), // partition, current leader epoch, leader epoch
        ])
        .always(),
    ])
    .always(),
];

/// What a leader answers, as a follower reads it: version 12 alone.
pub(super) const FETCH_ANSWER: &[Field] = &[
    Fixed(10).always(), // throttle time, error, session
    Structs(&[
        Text.always(), // topic
        Structs(&[
            Fixed(30).always(), // partition, error, high watermark, last stable offset, log start
            Structs(&[
                Fixed(16).always(), // an aborted transaction
            ])
            .always(),
            Fixed(4).always(),                                  // preferred replica
            Bytes.always(),                                     // records
            Tagged(0, &Struct(&[Fixed(12).always()])).always(), // diverging epoch: epoch, end
            Tagged(1, &Struct(&[Fixed(8).always()])).always(),  // leader: broker, epoch
            Tagged(2, &Struct(&[Fixed(12).always()])).always(), // snapshot: end, epoch
        ])
        .always(),
    ])
    .always(),
];
