// The compiled models, field by field, against the facts of gym's Ant-v2 and Reacher-v2.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "core/base/files.hpp"
#include "core/mujoco/model.hpp"

namespace labhost {

namespace {

using Numbers = std::vector<double>;

/// As `capsules` says: "current" by default, because all but masses and inertias is the same.
Model plugin_model(const std::string& name, Inertia inertia = Inertia::kFromGeoms) {
  return compile_model(
      read_file(std::string(LABHOST_SOURCE) + "/plugins/envs/" + name + "/" + name + ".xml"),
      inertia);
}

void check_numbers(const std::string& what, const mjtNum* found, const Numbers& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK_MESSAGE(std::abs(found[i] - expected[i]) <= 1e-12, what, "[", i, "] is ", found[i],
                  ", expected ", expected[i]);
  }
}

/// Name -> id; the name must exist.
int id_of(const mjModel& m, mjtObj kind, const std::string& name) {
  const int id = mj_name2id(&m, kind, name.c_str());
  REQUIRE_MESSAGE(id >= 0, "no ", name);
  return id;
}

double radians(double degrees) { return degrees * std::acos(-1.0) / 180; }

/// Volume of a capsule whose cylinder has this length.
double capsule_volume(double radius, double length) {
  return std::acos(-1.0) * radius * radius * (length + 4.0 / 3.0 * radius);
}

struct Leg {
  double x, y;
  Numbers axis, range;  // of the ankle, degrees
};
const std::array<Leg, 4> kLegs = {{{1, 1, {-1, 1, 0}, {30, 70}},
                                   {-1, 1, {1, 1, 0}, {-70, -30}},
                                   {-1, -1, {-1, 1, 0}, {-70, -30}},
                                   {1, -1, {1, 1, 0}, {30, 70}}}};

}  // namespace

TEST_CASE("ant: sizes, solver and start") {
  const Model model = plugin_model("ant");
  const mjModel& m = *model;
  CHECK(m.nq == 15);
  CHECK(m.nv == 14);
  CHECK(m.nu == 8);
  CHECK(m.nbody == 14);  // world, torso, three per leg
  CHECK(m.ngeom == 14);  // floor, torso, three per leg
  CHECK(m.opt.integrator == mjINT_RK4);
  CHECK(m.opt.timestep == 0.01);
  check_numbers("gravity", m.opt.gravity, {0, 0, -9.81});
  check_numbers("qpos0", m.qpos0, {0, 0, 0.75, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  const int custom = id_of(m, mjOBJ_NUMERIC, "init_qpos");
  check_numbers("init_qpos", m.numeric_data + m.numeric_adr[custom],
                {0, 0, 0.55, 1, 0, 0, 0, 0, 1, 0, -1, 0, -1, 0, 1});
}

TEST_CASE("ant: torso, floor and free joint") {
  const Model model = plugin_model("ant");
  const mjModel& m = *model;
  const int floor = id_of(m, mjOBJ_GEOM, "floor"), torso = id_of(m, mjOBJ_GEOM, "torso");
  CHECK(m.geom_type[floor] == mjGEOM_PLANE);
  check_numbers("floor", m.geom_size + 3 * floor, {40, 40, 40});
  CHECK(m.geom_conaffinity[floor] == 1);
  CHECK(m.geom_type[torso] == mjGEOM_SPHERE);
  CHECK(m.geom_size[3 * torso] == 0.25);
  for (int geom = 0; geom < m.ngeom; ++geom) {
    CAPTURE(geom);
    CHECK(m.geom_condim[geom] == 3);
    CHECK(m.geom_contype[geom] == 1);
    CHECK(m.geom_margin[geom] == 0.01);
    check_numbers("friction", m.geom_friction + 3 * geom, {1, 0.5, 0.5});
    if (geom != floor) CHECK(m.geom_conaffinity[geom] == 0);
  }
  const int root = id_of(m, mjOBJ_JOINT, "root");
  CHECK(root == 0);
  CHECK(m.jnt_type[root] == mjJNT_FREE);
  CHECK(m.jnt_limited[root] == 0);
  CHECK(m.jnt_margin[root] == 0.01);
  for (int dof = 0; dof < m.nv; ++dof) {
    CAPTURE(dof);
    CHECK(m.dof_armature[dof] == (dof < 6 ? 0 : 1));
    CHECK(m.dof_damping[dof] == (dof < 6 ? 0 : 1));
  }
  const int body = id_of(m, mjOBJ_BODY, "torso");
  check_numbers("torso", m.body_pos + 3 * body, {0, 0, 0.75});
  const double volume = 4.0 / 3.0 * std::acos(-1.0) * std::pow(0.25, 3);
  CHECK(m.body_mass[body] == doctest::Approx(5 * volume).epsilon(1e-12));
}

TEST_CASE("ant: four legs of three capsules, hips and ankles in order") {
  const Model model = plugin_model("ant");
  const mjModel& m = *model;
  const double unit = std::sqrt(0.5);
  for (std::size_t i = 0; i < kLegs.size(); ++i) {
    const Leg& leg = kLegs[i];
    const std::string number = std::to_string(i + 1);
    CAPTURE(number);
    const int root = id_of(m, mjOBJ_BODY, "leg_" + number);
    CHECK(m.body_parentid[root] == id_of(m, mjOBJ_BODY, "torso"));
    check_numbers("leg", m.body_pos + 3 * root, {0, 0, 0});
    const Numbers knee = {0.2 * leg.x, 0.2 * leg.y, 0};
    for (int part = 0; part < 3; ++part) {
      CAPTURE(part);
      const int body = root + part;  // thigh and shin follow their parent
      if (part > 0) {
        CHECK(m.body_parentid[body] == body - 1);
        check_numbers("body", m.body_pos + 3 * body, knee);
      }
      const int geom = m.body_geomadr[body];
      CHECK(m.body_geomnum[body] == 1);
      CHECK(m.geom_type[geom] == mjGEOM_CAPSULE);
      const double reach = part == 2 ? 0.4 : 0.2, length = reach * std::sqrt(2.0);
      check_numbers("capsule", m.geom_size + 3 * geom, {0.08, length / 2});
      check_numbers("centre", m.geom_pos + 3 * geom, {reach / 2 * leg.x, reach / 2 * leg.y, 0});
      CHECK(m.body_mass[body] == doctest::Approx(5 * capsule_volume(0.08, length)).epsilon(1e-12));
    }
    const int hip = id_of(m, mjOBJ_JOINT, "hip_" + number),
              ankle = id_of(m, mjOBJ_JOINT, "ankle_" + number);
    CHECK(hip == 1 + 2 * static_cast<int>(i));
    CHECK(ankle == hip + 1);
    CHECK(m.jnt_bodyid[hip] == root + 1);
    CHECK(m.jnt_bodyid[ankle] == root + 2);
    for (const int joint : {hip, ankle}) {
      CHECK(m.jnt_type[joint] == mjJNT_HINGE);
      CHECK(m.jnt_limited[joint] == 1);
      check_numbers("joint", m.jnt_pos + 3 * joint, {0, 0, 0});
    }
    check_numbers("hip", m.jnt_axis + 3 * hip, {0, 0, 1});
    check_numbers("hip range", m.jnt_range + 2 * hip, {radians(-30), radians(30)});
    check_numbers("ankle", m.jnt_axis + 3 * ankle,
                  {leg.axis[0] * unit, leg.axis[1] * unit, leg.axis[2] * unit});
    check_numbers("ankle range", m.jnt_range + 2 * ankle,
                  {radians(leg.range[0]), radians(leg.range[1])});
  }
}

TEST_CASE("ant: motors in the order hip_4, ankle_4, hip_1, ...") {
  const Model model = plugin_model("ant");
  const mjModel& m = *model;
  const char* const order[] = {"hip_4", "ankle_4", "hip_1", "ankle_1",
                               "hip_2", "ankle_2", "hip_3", "ankle_3"};
  for (int motor = 0; motor < 8; ++motor) {
    CAPTURE(motor);
    CHECK(m.actuator_trntype[motor] == mjTRN_JOINT);
    CHECK(m.actuator_trnid[2 * motor] == id_of(m, mjOBJ_JOINT, order[motor]));
    check_numbers("gear", m.actuator_gear + 6 * motor, {150, 0, 0, 0, 0, 0});
    CHECK(m.actuator_ctrllimited[motor] == 1);
    check_numbers("range", m.actuator_ctrlrange + 2 * motor, {-1, 1});
  }
}

TEST_CASE("reacher: sizes, solver, surroundings") {
  const Model model = plugin_model("reacher");
  const mjModel& m = *model;
  CHECK(m.nq == 4);
  CHECK(m.nv == 4);
  CHECK(m.nu == 2);
  CHECK(m.opt.integrator == mjINT_RK4);
  CHECK(m.opt.timestep == 0.01);
  check_numbers("gravity", m.opt.gravity, {0, 0, -9.81});
  check_numbers("qpos0", m.qpos0, {0, 0, 0.1, -0.1});
  const int ground = id_of(m, mjOBJ_GEOM, "ground");
  CHECK(m.geom_type[ground] == mjGEOM_PLANE);
  check_numbers("ground", m.geom_size + 3 * ground, {1, 1, 10});
  for (int geom = 0; geom < m.ngeom; ++geom) {
    CAPTURE(geom);
    CHECK(m.geom_contype[geom] == 0);  // so that nothing ever touches
    check_numbers("friction", m.geom_friction + 3 * geom, {1, 0.1, 0.1});
  }
  const std::array<std::array<double, 2>, 4> sides = {{{0, -0.3}, {0.3, 0}, {0, 0.3}, {-0.3, 0}}};
  const char* const walls[] = {"wall_south", "wall_east", "wall_north", "wall_west"};
  for (std::size_t i = 0; i < 4; ++i) {
    const int wall = id_of(m, mjOBJ_GEOM, walls[i]);
    CHECK(m.geom_type[wall] == mjGEOM_CAPSULE);
    CHECK(m.geom_conaffinity[wall] == 0);
    check_numbers("wall", m.geom_size + 3 * wall, {0.02, 0.3});
    check_numbers("wall", m.geom_pos + 3 * wall, {sides[i][0], sides[i][1], 0.01});
  }
  const int root = id_of(m, mjOBJ_GEOM, "root");
  CHECK(m.geom_type[root] == mjGEOM_CYLINDER);
  CHECK(m.geom_conaffinity[root] == 0);
  check_numbers("root", m.geom_size + 3 * root, {0.011, 0.01});
  check_numbers("root", m.geom_pos + 3 * root, {0, 0, 0.01});
}

TEST_CASE("reacher: two links, fingertip and motors") {
  const Model model = plugin_model("reacher");
  const mjModel& m = *model;
  const Numbers places[] = {{0, 0, 0.01}, {0.1, 0, 0}};
  for (int i = 0; i < 2; ++i) {
    CAPTURE(i);
    const std::string number = std::to_string(i);
    const int body = id_of(m, mjOBJ_BODY, "body" + number);
    check_numbers("body", m.body_pos + 3 * body, places[i]);
    const int link = m.body_geomadr[body];
    CHECK(m.geom_type[link] == mjGEOM_CAPSULE);
    check_numbers("link", m.geom_size + 3 * link, {0.01, 0.05});
    check_numbers("link", m.geom_pos + 3 * link, {0.05, 0, 0});
    CHECK(m.body_mass[body] == doctest::Approx(1000 * capsule_volume(0.01, 0.1)).epsilon(1e-12));
    const int joint = id_of(m, mjOBJ_JOINT, "joint" + number);
    CHECK(joint == i);
    CHECK(m.jnt_type[joint] == mjJNT_HINGE);
    check_numbers("joint", m.jnt_axis + 3 * joint, {0, 0, 1});
    CHECK(m.jnt_limited[joint] == i);
    CHECK(m.dof_armature[i] == 1);
    CHECK(m.dof_damping[i] == 1);
    CHECK(m.actuator_trnid[2 * i] == joint);
    check_numbers("gear", m.actuator_gear + 6 * i, {200, 0, 0, 0, 0, 0});
    CHECK(m.actuator_ctrllimited[i] == 1);
    check_numbers("range", m.actuator_ctrlrange + 2 * i, {-1, 1});
  }
  check_numbers("elbow", m.jnt_range + 2, {-3, 3});
  const int fingertip = id_of(m, mjOBJ_BODY, "fingertip");
  CHECK(m.body_parentid[fingertip] == id_of(m, mjOBJ_BODY, "body1"));
  check_numbers("fingertip", m.body_pos + 3 * fingertip, {0.11, 0, 0});
  const int tip = id_of(m, mjOBJ_GEOM, "fingertip");
  CHECK(m.geom_type[tip] == mjGEOM_SPHERE);
  CHECK(m.geom_size[3 * tip] == 0.01);
}

TEST_CASE("reacher: the target slides where it is put") {
  const Model model = plugin_model("reacher");
  const mjModel& m = *model;
  const int target = id_of(m, mjOBJ_BODY, "target");
  check_numbers("target", m.body_pos + 3 * target, {0.1, -0.1, 0.01});
  const int ball = id_of(m, mjOBJ_GEOM, "target");
  CHECK(m.geom_type[ball] == mjGEOM_SPHERE);
  CHECK(m.geom_size[3 * ball] == 0.009);
  CHECK(m.geom_conaffinity[ball] == 0);
  const char* const slides[] = {"target_x", "target_y"};
  for (int i = 0; i < 2; ++i) {
    CAPTURE(i);
    const int joint = id_of(m, mjOBJ_JOINT, slides[i]);
    CHECK(m.jnt_type[joint] == mjJNT_SLIDE);
    CHECK(m.jnt_axis[3 * joint + i] == 1);
    CHECK(m.jnt_limited[joint] == 1);
    CHECK(m.jnt_stiffness[joint] == 0);
    check_numbers("range", m.jnt_range + 2 * joint, {-0.27, 0.27});
    CHECK(m.dof_armature[2 + i] == 0);
    CHECK(m.dof_damping[2 + i] == 0);
  }
}

/// Masses and inertias of a capsule as MuJoCo before 2.1.1 computed them: those of a cylinder of
/// the same radius whose length is that of the axis plus the radius.
struct OldCapsule {
  OldCapsule(double density, double radius, double axis) {
    const double length = axis + radius;
    mass = density * std::acos(-1.0) * radius * radius * length;
    along = mass * radius * radius / 2;
    across = mass * (3 * radius * radius + length * length) / 12;
  }
  double mass, along, across;
};

TEST_CASE("recorded capsules: masses, inertias and places of MuJoCo before 2.1.1") {
  const auto check_bodies = [](const std::string& name, const std::vector<std::string>& bodies,
                               const OldCapsule& expected) {
    const Model model = plugin_model(name, Inertia::kStated), now = plugin_model(name);
    for (const std::string& body : bodies) {
      CAPTURE(body);
      const int id = id_of(*model, mjOBJ_BODY, body);
      check_numbers("mass", model->body_mass + id, {expected.mass});
      check_numbers("inertia", model->body_inertia + 3 * id,
                    {expected.across, expected.across, expected.along});
      check_numbers("ipos", model->body_ipos + 3 * id,
                    {now->body_ipos + 3 * id, now->body_ipos + 3 * id + 3});
    }
  };
  const double diagonal = std::sqrt(2.0);
  check_bodies("ant",
               {"leg_1", "thigh_1", "leg_2", "thigh_2", "leg_3", "thigh_3", "leg_4", "thigh_4"},
               {5, 0.08, 0.2 * diagonal});
  check_bodies("ant", {"shin_1", "shin_2", "shin_3", "shin_4"}, {5, 0.08, 0.4 * diagonal});
  check_bodies("reacher", {"body0", "body1"}, {1000, 0.01, 0.1});
}

TEST_CASE("recorded capsules: the axis of least inertia is the capsule's") {
  for (const char* name : {"ant", "reacher"}) {
    CAPTURE(name);
    const Model model = plugin_model(name, Inertia::kStated);
    const mjModel& m = *model;
    for (int geom = 0; geom < m.ngeom; ++geom) {
      if (m.geom_type[geom] != mjGEOM_CAPSULE || m.geom_bodyid[geom] == 0) continue;
      CAPTURE(geom);
      mjtNum inertia_axes[9], capsule_axes[9];
      mju_quat2Mat(inertia_axes, m.body_iquat + 4 * m.geom_bodyid[geom]);
      mju_quat2Mat(capsule_axes, m.geom_quat + 4 * geom);
      double along = 0;  // cosine between the z axes
      for (int i = 0; i < 3; ++i) along += inertia_axes[3 * i + 2] * capsule_axes[3 * i + 2];
      CHECK(std::abs(std::abs(along) - 1) <= 1e-12);
    }
  }
}

TEST_CASE("recorded capsules: nothing else differs") {
  for (const char* name : {"ant", "reacher"}) {
    CAPTURE(name);
    const Model recorded = plugin_model(name, Inertia::kStated), current = plugin_model(name);
    const mjModel &a = *recorded, &b = *current;
    const auto check_same = [](const char* what, const mjtNum* x, const mjtNum* y, int count) {
      check_numbers(what, x, {y, y + count});
    };
    check_same("body_pos", a.body_pos, b.body_pos, 3 * b.nbody);
    check_same("body_quat", a.body_quat, b.body_quat, 4 * b.nbody);
    check_same("geom_pos", a.geom_pos, b.geom_pos, 3 * b.ngeom);
    check_same("geom_quat", a.geom_quat, b.geom_quat, 4 * b.ngeom);
    check_same("geom_size", a.geom_size, b.geom_size, 3 * b.ngeom);
    check_same("geom_friction", a.geom_friction, b.geom_friction, 3 * b.ngeom);
    check_same("jnt_axis", a.jnt_axis, b.jnt_axis, 3 * b.njnt);
    check_same("jnt_range", a.jnt_range, b.jnt_range, 2 * b.njnt);
    check_same("dof_armature", a.dof_armature, b.dof_armature, b.nv);
    check_same("dof_damping", a.dof_damping, b.dof_damping, b.nv);
    check_same("qpos0", a.qpos0, b.qpos0, b.nq);
  }
  // And of the masses only those of the capsules.
  const Model recorded = plugin_model("ant", Inertia::kStated), current = plugin_model("ant");
  const int torso = id_of(*current, mjOBJ_BODY, "torso");
  CHECK(recorded->body_mass[torso] == current->body_mass[torso]);
  CHECK(mj_getTotalmass(recorded.get()) == doctest::Approx(0.8787).epsilon(1e-4));
  CHECK(mj_getTotalmass(current.get()) == doctest::Approx(0.9109).epsilon(1e-4));
}

TEST_CASE("inertia of the geoms needs a text that leaves it open") {
  CHECK_THROWS_AS(compile_model("<mujoco/>", Inertia::kFromGeoms), std::logic_error);
}

TEST_CASE("MJCF that does not compile is an error with MuJoCo's words, and leaves no log file") {
  CHECK_THROWS_WITH_AS(compile_model("<mujoco><worldbody><geom size='-1'/></worldbody></mujoco>"),
                       doctest::Contains("MuJoCo model: "), std::runtime_error);
  CHECK_THROWS_AS(compile_model("no XML at all"), std::runtime_error);
  CHECK_THROWS_AS(body_index(*plugin_model("ant"), "wheel"), std::logic_error);
}

}  // namespace labhost
