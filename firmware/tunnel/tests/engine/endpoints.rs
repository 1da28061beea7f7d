//! Centres whose address is not known yet, or changes.

use std::{net::UdpSocket, thread, time::Duration};

use sekisho_tunnel::{Engine, TunnelError};

use crate::{
    centres::{DEVICE_ADDRESS, PLATFORM, Scene, carried_by, heard_again_by},
    namespace::alone,
};

#[test]
fn an_unknown_endpoint_is_waited_for() {
    alone("endpoints::an_unknown_endpoint_is_waited_for", || {
        let scene = Scene::new();
        let mut config = scene.config();
        config.centres.iter_mut().for_each(|centre| centre.endpoint = None);
        let engine = Engine::start(config).unwrap();
        let client = UdpSocket::bind((DEVICE_ADDRESS, 0)).unwrap();
        thread::sleep(Duration::from_millis(500));
        let status = engine.status();
        assert!(status.centres.iter().all(|centre| centre.endpoint.is_none()));
        assert!(status.centres.iter().all(|centre| centre.counters.initiations == 0));

        client.send_to(b"sent to nowhere", PLATFORM).unwrap();
        engine.move_centre(&"east".parse().unwrap(), scene.east.endpoint).unwrap();
        carried_by(&engine, Some("east"));
        heard_again_by(&[&scene.east], || {
            client.send_to(b"there", PLATFORM).unwrap();
            b"there"
        });
        assert_eq!(engine.status().centres[1].counters.initiations, 0);
        engine.move_centre(&"west".parse().unwrap(), scene.west.endpoint).unwrap();
        scene.east.set_up(false);
        carried_by(&engine, Some("west"));
        assert!(engine.stop());
    });
}

#[test]
fn a_move_to_nowhere_changes_nothing() {
    alone("endpoints::a_move_to_nowhere_changes_nothing", || {
        let scene = Scene::new();
        let engine = Engine::start(scene.config()).unwrap();
        let refused = |name: &str, to| engine.move_centre(&name.parse().unwrap(), to).unwrap_err();
        let error = refused("north", scene.east.endpoint);
        assert_eq!(error.to_string(), "find the centre 'north'");
        let error = refused("east", scene.west.endpoint);
        assert!(matches!(error, TunnelError::SharedEndpoint(at) if at == scene.west.endpoint));
        engine.move_centre(&"east".parse().unwrap(), scene.east.endpoint).unwrap();
        let endpoints = engine.status().centres.into_iter().map(|centre| centre.endpoint);
        let known = [scene.east.endpoint, scene.west.endpoint].map(Some);
        assert_eq!(endpoints.collect::<Vec<_>>(), known);
        carried_by(&engine, Some("east"));
        assert!(engine.stop());
    });
}
